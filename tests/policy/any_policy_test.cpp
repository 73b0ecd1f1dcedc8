#include "standard_policies.hpp"

#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/shard_router.hpp>

namespace any_policy_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
// The same pool twice, at work for P and for `erased`: the same picks through random health, loads, retries and
// membership.
template <class P>
void same_picks(P const& policy, any_policy const& erased) {
  INFO(describe(policy));
  rng d{36};
  auto members = weighted(random_weights(d, 9, 4));
  for (auto& s : members) s.priority = random_below(d, 3);
  pool<server> pool;
  balancer<server, P> a{pool, policy, 77};
  balancer<server, any_policy> b{pool, erased, 77};
  auto one = a.make_picker();
  auto other = b.make_picker();
  std::vector<backend_id> ids;
  for (auto const& s : members) ids.push_back(pool.add(s));
  std::vector<lease<server>> held;
  for (int step = 0; step != 1500; ++step) {
    auto const id = ids[random_below(d, 9)];
    if (random_below(d, 5) == 0) pool.set(id, static_cast<health_flag>(1u << random_below(d, 6)));
    if (random_below(d, 4) == 0) pool.clear(id, static_cast<health_flag>(63));
    if (random_below(d, 20) == 0) pool.refresh();
    if (random_below(d, 50) == 0) pool.update(id, {.weight = random_below(d, 4), .priority = random_below(d, 3)});
    std::vector<backend_id> excluded;
    if (random_below(d, 3) == 0) excluded = {ids[random_below(d, 9)], ids[random_below(d, 9)]};
    pick_options const options{.excluded = excluded, .session = random_below(d, 4) == 0 ? id : backend_id{}};
    auto const number = d();
    auto l = acquire(one, number, options);
    l = {};  // both see the same loads
    auto const c = select(one, number, options);
    auto const by_address = key_number<address>(number);
    auto const erased_acquire = [&](pick_options const& o) {
      if constexpr (std::same_as<key_of_policy<P>, address>)
        return other.acquire(by_address, o);
      else
        return other.acquire(number, o);
    };
    auto const erased_select = [&](pick_options const& o) {
      if constexpr (std::same_as<key_of_policy<P>, address>)
        return other.select(by_address, o);
      else
        return other.select(number, o);
    };
    auto e = erased_acquire(options);
    e = {};
    auto const s = erased_select(options);
    if (c.id() != s.id() || c.error() != s.error())
      FAIL("step " << step << ": " << name_or_error(c) << " and " << name_or_error(s));
    if (held.size() < 15 && c) {
      acquire(one, number, options).finish(outcome::ok);
      held.push_back(erased_acquire(options));
    } else if (!held.empty()) {
      held.erase(held.begin());
    }
  }
}

template <class P>
void same_picks(P const& policy) {
  same_picks(policy, any_policy{policy});
}
}  // namespace

TEMPLATE_LIST_TEST_CASE("any_policy picks what the policy inside would pick", "", every_policy) {
  same_picks(TestType{}, policy_registry::standard().make(TestType::name));
}

TEST_CASE("any_policy picks what the composition would, erased as a whole or by layers") {
  auto const c = policy_registry::standard();
  same_picks(failover{bounded_load{maglev{}}});
  same_picks(failover{bounded_load{maglev{}}}, c.make("failover{bounded_load{maglev}}"));
  same_picks(sticky{failover{round_robin{}}}, c.make("sticky{failover{round_robin}}"));
  same_picks(failover{failover{ring_hash{}}}, c.make("failover{failover{ring_hash}}"));
}

TEST_CASE("any_policy: a missing key or a key of the wrong kind is refused") {
  pool<server> pool;
  for (auto const& s : servers(3)) pool.add(s);
  auto const why = [&](any_policy const& p, auto const&... key) {
    balancer lb{pool, p, 0};
    auto picker = lb.make_picker();
    auto const c = picker.select(key...).error();
    CHECK(picker.acquire(key...).error() == c);
    auto const explained = picker.explain(key...);
    CHECK(explained.error == c);
    CHECK(explained.detail == (c == pick_error::refused ? "the key is missing, or of another kind" : ""));
    return c;
  };
  auto const a = *address::parse("192.0.2.1");
  CHECK(why(maglev{}) == pick_error::refused);
  CHECK(why(maglev{}, "text") == pick_error::none);
  CHECK(why(maglev{}, 42) == pick_error::none);
  CHECK(why(maglev{}, a) == pick_error::none);
  CHECK(why(ip_hash{}) == pick_error::refused);
  CHECK(why(ip_hash{}, a) == pick_error::none);
  CHECK(why(ip_hash{}, "192.0.2.1") == pick_error::refused);
  CHECK(why(ip_hash{}, 1) == pick_error::refused);
  CHECK(why(shard_router{modulo_shards{{"A"}}}, 1) == pick_error::none);
  CHECK(why(shard_router{modulo_shards{{"A"}}}, "1") == pick_error::refused);
  CHECK(why(round_robin{}) == pick_error::none);
  CHECK(why(round_robin{}, "ignored") == pick_error::none);
  CHECK(why(failover{bounded_load{maglev{}}}) == pick_error::refused);
  CHECK(why(failover{any_policy{maglev{}}}) == pick_error::refused);
  CHECK(any_policy{maglev{}}.needs_key());
  CHECK(any_policy{failover{maglev{}}}.needs_key());
  CHECK(!any_policy{round_robin{}}.needs_key());
}

TEST_CASE("any_policy hashes each kind of key as the policy inside does") {
  fleet f{maglev{}, servers(30)};
  fleet g{any_policy{maglev{}}, servers(30)};
  auto const same = [&](auto const& key) { return f.picker.select(key)->number == g.picker.select(key)->number; };
  for (int i = -50; i != 50; ++i) {
    CHECK(same(i));
    CHECK(same(static_cast<unsigned long long>(i)));
    CHECK(same(std::to_string(i)));
  }
  CHECK(same("literal"));
  CHECK(same(*address::parse("2001:db8::1")));
}

TEST_CASE("any_policy: a shard router gets negative and 64-bit numbers unchanged") {
  fleet f{any_policy{shard_router{modulo_shards{{"A", "B", "C"}}}}, servers(3)};
  CHECK(name_or_error(f.picker.select(-1)) == "C");
  CHECK(name_or_error(f.picker.select(0xFFFFFFFFFFFFFFFF)) == "A");
  CHECK(name_or_error(f.picker.select(-2LL)) == "B");
}

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

}  // namespace any_policy_test
