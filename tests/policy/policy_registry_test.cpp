// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <equipoise/policy/policy_registry.hpp>

namespace policy_registry_test {
using namespace equipoise;

using Catch::Matchers::ContainsSubstring;

TEST_CASE("policy_registry: the error for an unknown name lists the known names") {
  auto const c = policy_registry::standard();
  for (std::string bad : {"", "round-robin", "Round_Robin", "maglev{}", "maglev{ring_hash}", "failover{", "failover{}",
                          "failover{maglev", "failover{maglev}}", "{maglev}", " maglev", "failover{nothing}"})
    CHECK_THROWS_WITH(c.make(bad), ContainsSubstring("unknown policy") && ContainsSubstring("known: ") &&
                                       ContainsSubstring("least_connections") && ContainsSubstring("failover{…}"));
  CHECK_THROWS_WITH(c.make("failover{nothing}"), ContainsSubstring("'nothing'"));
  CHECK_THROWS_WITH(c.make("sticky"), ContainsSubstring("'sticky' needs another inside"));
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("policy_registry: any text is refused or names the policy that is made of it") {
  auto const c = policy_registry::standard();
  std::vector<std::string> pieces{"{", "}", "{}", " ", "\xff", "\n", "", "Maglev"};
  for (auto const& n : c.names()) pieces.push_back(n.substr(0, n.find('{')));
  rng d{45};
  auto const piece = [&] { return pieces[random_below(d, static_cast<std::uint32_t>(pieces.size()))]; };
  int good = 0, bad = 0;
  for (int i = 0; i != 100'000; ++i) {
    std::string text = piece();
    for (auto depth = random_below(d, 4); depth != 0; --depth) text = piece() + "{" + text + "}";
    if (random_below(d, 4) == 0) text.insert(random_below(d, static_cast<std::uint32_t>(text.size() + 1)), piece());
    if (random_below(d, 4) == 0 && !text.empty())
      text[random_below(d, static_cast<std::uint32_t>(text.size()))] = "{} x"[random_below(d, 4)];
    try {
      if (auto const name = describe(c.make(text)); name != text) FAIL("'" << text << "' is made as " << name);
      ++good;
    } catch (std::invalid_argument const& why) {
      if (std::string_view{why.what()}.find("policy '") == std::string_view::npos)
        FAIL("'" << text << "': " << why.what());
      ++bad;
    }
  }
  CHECK(good > 1000);
  CHECK(bad > 1000);
}
#endif

TEST_CASE("policy_registry: eight compositions may nest, and more are refused") {
  auto const nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i != depth; ++i) text += "sticky{";
    return text + "round_robin" + std::string(depth, '}');
  };
  auto const registry = policy_registry::standard();
  CHECK(registry.make(nested(8)).describe() == nested(8));
  for (std::size_t depth : {9u, 100'000u})
    CHECK_THROWS_WITH(registry.make(nested(depth)),
                      ContainsSubstring("sticky{sticky{") && ContainsSubstring("nests more than eight deep"));
}

TEST_CASE("policy_registry makes every policy that it names, in every nesting of two") {
  auto const c = policy_registry::standard();
  std::vector<std::string> leaves, wrappers;
  for (auto const& n : c.names())
    if (auto const open = n.find('{'); open == n.npos)
      leaves.push_back(n);
    else
      wrappers.push_back(n.substr(0, open));
  std::vector<std::string> listed, listed_wrappers;
  for_each_policy(standard_policies{}, [&](auto const& p) { listed.emplace_back(p.name); });
  for_each_standard_composition(
      [&]<template <class> class C>() { listed_wrappers.emplace_back(C<round_robin>::name); });
  CHECK(leaves == listed);
  CHECK(wrappers == listed_wrappers);
  auto const a = *address::parse("192.0.2.1");
  for (auto const& leaf : leaves) {
    CHECK(describe(c.make(leaf)) == leaf);
    for (auto const& inner : wrappers)
      for (auto const& outer : wrappers) {
        auto const name = outer + "{" + inner + "{" + leaf + "}}";
        CAPTURE(name);
        fleet f{c.make(name), servers(3)};
        CHECK(describe(f.lb.policy()) == name);
        f.set(0, health_flag::down);
        auto const l = f.picker.acquire(a);
        REQUIRE(l);
        CHECK(l->number != 0);
        f.set(1, health_flag::down), f.set(2, health_flag::down);
        CHECK(f.picker.select(a).error() == pick_error::all_down);
      }
  }
}

TEST_CASE("policy_registry takes custom policies under new and valid names") {
  struct last {
    struct table {};
    struct cursor {};
    table build(members_view) const { return {}; }
    proposal propose(table const&, cursor&, pick const& k) const noexcept {
      return k.members.empty() ? nullptr : &k.members.back();
    }
  };
  auto c = policy_registry::standard();
  c.add("my-last_1", last{});
  c.wrap("twice", [](any_policy p) -> any_policy { return max_in_flight{max_in_flight{std::move(p)}}; });
  fleet f{c.make("twice{my-last_1}"), servers(3)};
  CHECK(f.next(2) == "CC");
  for (std::string bad : {"", "a b", "a{", "ä"}) {
    CHECK_THROWS_WITH(c.add(bad, round_robin{}), ContainsSubstring("name '" + bad + "'"));
    CHECK_THROWS_WITH(c.wrap(bad, [](any_policy p) { return p; }), ContainsSubstring("name '" + bad + "'"));
  }
  for (std::string known : {"my-last_1", "maglev", "sticky", "twice"})
    CHECK_THROWS_WITH(c.add(known, round_robin{}), ContainsSubstring("'" + known + "' is taken"));
  CHECK_THROWS_WITH(c.make("nothing"), ContainsSubstring("my-last_1"));
}

}  // namespace policy_registry_test
