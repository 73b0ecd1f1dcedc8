// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <equipoise/policy/policy_registry.hpp>

#include <set>

namespace policy_registry_test {
using namespace equipoise;

using Catch::Matchers::ContainsSubstring;

namespace {
// Why the text is refused; empty if it is not.
std::string mistake(std::string_view text) {
  static auto const registry = policy_registry::standard();
  std::string why;
  bool const made = registry.try_make(text, &why).has_value();
  CHECK(made == why.empty());
  CHECK(made == registry.try_make(text).has_value());
  if (!made) CHECK_THROWS_WITH(registry.make(text), why);
  return why;
}
std::string made(std::string_view text) {
  static auto const registry = policy_registry::standard();
  return registry.make(text).describe();
}

// A policy of a user, with two parameters.
struct fading {
  static constexpr std::string_view name = "fading";
  float share = 0.5;
  int offset = -3;
  static constexpr parameter parameters[] = {
      {.name = "share", .member = parameter_of<&fading::share>, .preset = 0.5, .most = 1},
      {.name = "offset", .member = parameter_of<&fading::offset>, .preset = -3, .least = -10, .most = 10}};
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    return k.members.empty() ? nullptr : &k.members.back();
  }
};
struct last {
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    return k.members.empty() ? nullptr : &k.members.back();
  }
};
}  // namespace

TEST_CASE("policy_registry: the error for an unknown name lists the known names") {
  for (std::string bad : {"", "{maglev}", "nothing", "Maglev ring", "rr", "failover{nothing}", "sticky{failover{zzz}}"})
    CHECK_THAT(mistake(bad), ContainsSubstring("unknown policy '") && ContainsSubstring("known: ") &&
                                 ContainsSubstring("least_connections") && ContainsSubstring("failover{…}") &&
                                 ContainsSubstring("zone_first{…, zone=…}"));
  CHECK_THAT(mistake("failover{nothing}"), ContainsSubstring("'nothing'"));
  CHECK_THAT(mistake("sticky"), ContainsSubstring("'sticky' needs another inside: sticky{round_robin}"));
  CHECK_THAT(mistake("sticky{ }"), ContainsSubstring("'sticky' needs another inside"));
}

TEST_CASE("policy_registry suggests a name that is nearly the unknown one") {
  auto const suggestion = [](std::string const& text) {
    auto const why = mistake(text);
    auto const at = why.find("did you mean '");
    return at == why.npos ? "" : why.substr(at + 14, why.find('\'', at + 14) - at - 14);
  };
  CHECK_THAT(mistake("round_robbin"), ContainsSubstring("unknown policy 'round_robbin'; did you mean 'round_robin'?"));
  CHECK(suggestion("Round-Robin") == "round_robin");
  CHECK(suggestion("failover{magelv}") == "maglev");
  CHECK(suggestion("fail_over{maglev}") == "failover");
  CHECK(suggestion("least_conn") == "least_connections");
  CHECK(suggestion("weighted_round_robbin") == "weighted_round_robin");
  CHECK(suggestion("ring_hash{point=7}") == "points");
  CHECK(suggestion("x").empty());
  CHECK(suggestion("something").empty());
  CHECK(suggestion(std::string(100'000, 'm')).empty());
}

TEST_CASE("policy_registry ignores spaces and line ends around names and values") {
  CHECK(made(" round_robin\r\n") == "round_robin");
  CHECK(made("\tfailover {\r\n  max_in_flight { maglev , limit = 5 }\r\n}\r\n") ==
        "failover{max_in_flight{maglev, limit=5}}");
  CHECK(made("zone_first{ round_robin , zone = \" eu \" }") == "zone_first{round_robin, zone=\" eu \"}");
  CHECK(made("maglev{ }") == "maglev");
}

TEST_CASE("policy_registry says which brace, comma or quote is wrong") {
  for (std::string bad : {"failover{maglev", "failover{", "failover{maglev,", "failover{sticky{maglev}"})
    CHECK_THAT(mistake(bad), ContainsSubstring("policy '" + bad + "' lacks a '}' at its end"));
  CHECK_THAT(mistake("failover{maglev}}"), ContainsSubstring("has a '}' too many"));
  CHECK_THAT(mistake("maglev}"), ContainsSubstring("has a '}' too many"));
  CHECK_THAT(mistake("failover{maglev}x"), ContainsSubstring("has something behind its end: 'x'"));
  CHECK_THAT(mistake("maglev, ring_hash"), ContainsSubstring("has something behind its end: ', ring_hash'"));
  CHECK_THAT(mistake("sticky{failover{maglev}x}"), ContainsSubstring("lacks a ',' before 'x}'"));
  CHECK_THAT(mistake("failover{,maglev}"), ContainsSubstring("has an empty place in its braces"));
  CHECK_THAT(mistake("failover{maglev,}"), ContainsSubstring("has an empty place in its braces"));
  CHECK_THAT(mistake("zone_first{maglev, zone=\"a}"), ContainsSubstring("lacks a '\"' at its end"));
  CHECK_THAT(mistake("ring_hash{points=}"), ContainsSubstring("has no value behind 'points='"));
  CHECK_THAT(mistake("ring_hash{=7}"), ContainsSubstring("has no name before a '='"));
}

TEST_CASE("policy_registry reads parameters by name or in their order") {
  CHECK(made("ring_hash{points=200}") == "ring_hash{points=200}");
  CHECK(made("ring_hash{200}") == "ring_hash{points=200}");
  CHECK(made("ring_hash{points=160}") == "ring_hash");
  CHECK(made("maglev{entries=65537}") == "maglev");
  CHECK(made("maglev{entries=251}") == "maglev{entries=251}");
  CHECK(made("power_of_two{3}") == "power_of_two{choices=3}");
  CHECK(made("bounded_load{maglev, factor=1.25}") == "bounded_load{maglev}");
  CHECK(made("bounded_load{factor=1.5, maglev}") == "bounded_load{maglev, factor=1.5}");
  CHECK(made("failover{max_in_flight{round_robin,50}}") == "failover{max_in_flight{round_robin, limit=50}}");
  CHECK(made("zone_first{maglev, eu-1a, 0.7}") == "zone_first{maglev, zone=eu-1a, threshold=0.7}");
  CHECK(made("zone_first{zone=\"a \\\"b\\\\\", maglev}") == "zone_first{maglev, zone=\"a \\\"b\\\\\"}");
}

TEST_CASE("policy_registry makes a policy that acts by its parameters") {
  auto const c = policy_registry::standard();
  fleet limited{c.make("max_in_flight{round_robin, 2}"), servers(1)};
  auto const first = limited.picker.acquire(), second = limited.picker.acquire();
  CHECK(limited.picker.acquire().error() == pick_error::all_saturated);
  auto in_zones = servers(3);
  in_zones[1].zone = "b";
  fleet near{c.make("zone_first{round_robin, zone=b}"), in_zones};
  CHECK(near.next(3) == "BBB");
  fleet small{c.make("ring_hash{points=3}"), servers(30)};
  fleet typed{ring_hash{3}, servers(30)};
  for (std::uint64_t i = 0; i != 500; ++i) CHECK(small.picker.select(i)->number == typed.picker.select(i)->number);
}

TEST_CASE("policy_registry: an error of a parameter names what exists and what is allowed") {
  auto const says = [](std::string const& text, std::string const& what) {
    CHECK_THAT(mistake(text), ContainsSubstring(what));
  };
  says("ring_hash{point=1}", "policy 'ring_hash' has no parameter 'point'; did you mean 'points'? It has: points");
  says("zone_first{maglev, x=1}", "policy 'zone_first' has no parameter 'x'; it has: zone, threshold");
  says("round_robin{x=1}", "policy 'round_robin' has no parameter 'x'; it takes no parameters");
  says("round_robin{maglev}", "policy 'round_robin' has no place for 'maglev'; it takes no parameters");
  says("ring_hash{1, 2}", "policy 'ring_hash' has no place for '2'; it has: points");
  says("ring_hash{1, points=2}", "policy 'ring_hash' has its parameter points twice");
  says("ring_hash{points=0}", "ring_hash::points 0 is outside 1 … 65536");
  says("ring_hash{points=-1}", "ring_hash::points -1 is outside 1 … 65536");
  says("ring_hash{points=1e3}", "ring_hash::points '1e3' is not a whole number of 1 … 65536");
  says("ring_hash{points=99999999999999999999}", "ring_hash::points 99999999999999999999 is outside 1 … 65536");
  for (std::string bad : {"many", "1.5", "0x10", "1 2", "", "-", "١"})
    says("ring_hash{points=\"" + bad + "\"}", "ring_hash::points '" + bad + "' is not a whole number of 1 … 65536");
  says("ring_hash{maglev{7}}", "ring_hash::points 'maglev{…}' is not a whole number of 1 … 65536");
  says("maglev{entries=65536}", "maglev::entries 65536 is not a prime below 2^30");
  says("max_in_flight{maglev, limit=4294967295}", "max_in_flight::limit 4294967295 is outside 1 … 4294967294");
  says("bounded_load{maglev, factor=1}", "bounded_load::factor 1 is not a number greater than 1 and up to 1000000");
  for (std::string bad : {"nan", "inf", "1,5", ".", "1e", "e5", "1.2.3", "0x1p3", "--2"})
    says("bounded_load{maglev, factor=\"" + bad + "\"}", "bounded_load::factor '" + bad + "' is not a number");
  says("zone_first{maglev, eu, threshold=1.5}", "zone_first::threshold 1.5 is outside 0 … 1");
  says("zone_first{maglev, eu, threshold=half}", "zone_first::threshold 'half' is not a number of 0 … 1");
  says("zone_first{maglev}", "policy 'zone_first' needs its parameter zone: zone_first{…, zone=…}");
  says("zone_first{maglev, zone=eu{1}}", "zone_first::zone 'eu{…}' is not a text");
}

TEST_CASE("policy_registry reads the map of a shard router") {
  CHECK(made("shard_router{modulo_shards{a, 10.0.0.1:80}}") == "shard_router{modulo_shards{a, 10.0.0.1:80}}");
  CHECK(made("shard_router{range_shards{11..20=b, -5..10=\"a b\", 18446744073709551615=c}}") ==
        "shard_router{range_shards{-5..10=\"a b\", 11..20=b, 18446744073709551615..18446744073709551615=c}}");
  CHECK(describe(shard_router{modulo_shards{{"a", "b,"}}}) == "shard_router{modulo_shards{a, \"b,\"}}");
  fleet f{policy_registry::standard().make("failover{shard_router{range_shards{-5..0=A, 1..9=B, 10..19=C}}}"),
          servers(3)};
  CHECK(name_or_error(f.picker.select(-5)) == "A");
  CHECK(name_or_error(f.picker.select(9)) == "B");
  CHECK(name_or_error(f.picker.select(20)) == "(refused)");
  fleet g{policy_registry::standard().make("shard_router{modulo_shards{C, A}}"), servers(3)};
  CHECK(name_or_error(g.picker.select(4)) == "C");
  auto const says = [](std::string const& text, std::string const& what) {
    CHECK_THAT(mistake(text), ContainsSubstring(what));
  };
  says("shard_router", "'shard_router' needs one map inside: shard_router{modulo_shards{a, b}}");
  says("shard_router{maglev}", "'maglev' is not a shard map; there are modulo_shards{a, b} and range_shards{");
  says("shard_router{modulo_shards}", "modulo_shards: the list of backends is empty");
  says("shard_router{modulo_shards{a, \"\"}}", "modulo_shards: a backend's key is empty");
  says("shard_router{modulo_shards{a=b}}", "'a=b' is not a backend's key");
  says("shard_router{range_shards{a}}", "'a' is not first..last=backend");
  says("shard_router{range_shards{1..=a}}", "'1..=a' is not first..last=backend");
  says("shard_router{range_shards{1..18446744073709551616=a}}", "is not first..last=backend");
  says("shard_router{range_shards{1..10=a, 10..11=b}}", "range_shards: 1 … 10 and 10 … 11 overlap");
  says("shard_router{range_shards{9..1=a}}", "range_shards: 9 … 1 ends before it begins");
}

namespace {
// A value that the parameter takes.
std::string random_value(parameter const& p, rng& d) {
  if (p.member.kind == parameter_kind::word)
    return std::string{p.words[random_below(d, static_cast<std::uint32_t>(p.words.size()))]};
  if (p.name == "weights") return "\"a=" + std::to_string(random_below(d, 99)) + ", b=1\"";
  if (p.member.kind == parameter_kind::text) {
    std::string text = "\"";
    for (auto n = random_below(d, 6); n != 0; --n) text += std::string_view{"aZ9-.:{},= \r\xC3"}[random_below(d, 14)];
    return text + "\"";
  }
  for (;;) {
    double value = p.least + (p.most - p.least) * (static_cast<double>(d() >> 11) / 9007199254740992.0);
    if (random_below(d, 2) == 0) value = p.least + random_below(d, 300) * (value - p.least < 1 ? 0.001 : 0.25);
    if (p.member.kind == parameter_kind::whole) value = static_cast<double>(static_cast<std::int64_t>(value));
    char text[40];
    std::snprintf(text, sizeof text, p.member.kind == parameter_kind::whole ? "%.0f" : "%.17g", value);
    if (p.takes(value)) return text;
  }
}

// What P makes of random parameters must be made again of its own description, with the same values.
template <class P>
void check_round_trip(std::string const& inside) {
  std::string const name{P::name};
  rng d{xxh64(name)};
  std::set<std::string> seen;
  for (int i = 0; i != 200; ++i) {
    std::string text = inside;
    if constexpr (equipoise::detail::has_parameters<P>)
      for (parameter const& p : P::parameters)
        if (p.is_required() || random_below(d, 4) != 0)
          ((text += text.empty() ? "" : ", ") += p.name) += "=" + random_value(p, d);
    auto const described = made(name + "{" + text + "}");
    CAPTURE(text, described);
    CHECK(made(described) == described);
    seen.insert(described);
  }
  if constexpr (equipoise::detail::has_parameters<P>)
    CHECK(seen.size() > 5);
  else
    CHECK(seen.size() == 1);
}
}  // namespace

TEST_CASE("policy_registry: every standard policy is made again of its description") {
  for_each_policy(standard_policies{}, []<class P>(P const& policy) {
    CHECK(describe(policy) == P::name);  // its parameters have the presets that the list states
    check_round_trip<P>("");
  });
  auto const check_composition = []<template <class> class C>() {
    check_round_trip<C<any_policy>>("round_robin");
    check_round_trip<C<any_policy>>("bounded_load{max_in_flight{maglev{entries=7}, 3}, 1.5}");
  };
  for_each_composition(standard_compositions{}, check_composition);
  for_each_composition(standard_compositions_with_arguments{}, check_composition);
}

TEST_CASE("policy_registry: a number in a description is exactly the one that was set") {
  for (double factor : {1.1, 1.0000000000000002, 4.0 / 3, 999999.99999999988, 1e6, 1.5, 123456.789}) {
    auto const described = describe(bounded_load{round_robin{}, factor});
    CAPTURE(described);
    CHECK(described.find(',') == described.rfind(','));
    CHECK(made(described) == described);
    auto const at = described.find('=') + 1;
    CHECK(std::stod(described.substr(at)) == factor);
  }
}

TEST_CASE("policy_registry: any text is refused, or the policy of it describes itself") {
  auto const c = policy_registry::standard();
  std::vector<std::string> pieces{"{",  "}",        "{}",        " ",      "\xff", "\n",     "",    "Maglev",
                                  ",",  "=",        "\"",        "\\",     "7",    "1.5",    "-1",  "points=9",
                                  "50", "limit=50", "zone=\"\"", "1..9=a", ", 3",  "factor", "nan", "modulo_shards{a}"};
  for (auto const& n : c.usage()) pieces.push_back(n.substr(0, n.find('{')));
  rng d{45};
  auto const piece = [&] { return pieces[random_below(d, static_cast<std::uint32_t>(pieces.size()))]; };
  int good = 0, bad = 0;
  for (int i = 0; i != 100'000; ++i) {
    std::string text = piece();
    for (auto depth = random_below(d, 4); depth != 0; --depth)
      text = piece() + "{" + text + (random_below(d, 3) == 0 ? ", " + piece() : "") + "}";
    if (random_below(d, 4) == 0) text.insert(random_below(d, static_cast<std::uint32_t>(text.size() + 1)), piece());
    if (random_below(d, 4) == 0 && !text.empty())
      text[random_below(d, static_cast<std::uint32_t>(text.size()))] = "{} x,="[random_below(d, 6)];
    std::string why;
    if (auto const policy = c.try_make(text, &why)) {
      auto const name = policy->describe();
      if (c.make(name).describe() != name) FAIL("'" << text << "' is made as " << name);
      ++good;
    } else {
      if (!std::string_view{why}.starts_with("equipoise: ")) FAIL("'" << text << "': " << why);
      ++bad;
    }
  }
  CHECK(good > 1000);
  CHECK(bad > 1000);
}
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
  auto c = policy_registry::standard();
  c.add("my-last_1", last{});
  c.wrap("twice", [](any_policy p) -> any_policy { return max_in_flight{max_in_flight{std::move(p)}}; });
  fleet f{c.make("twice{my-last_1}"), servers(3)};
  CHECK(f.next(2) == "CC");
  for (std::string bad : {"", "a b", "a{", "ä"}) {
    CHECK_THROWS_WITH(c.add(bad, round_robin{}), ContainsSubstring("name '" + bad + "'"));
    CHECK_THROWS_WITH(c.wrap(bad, [](any_policy p) { return p; }), ContainsSubstring("name '" + bad + "'"));
  }
  for (std::string known : {"my-last_1", "maglev", "sticky", "twice", "zone_first", "shard_router"})
    CHECK_THROWS_WITH(c.add(known, round_robin{}), ContainsSubstring("'" + known + "' is taken"));
  CHECK_THROWS_WITH(c.make("nothing"), ContainsSubstring("my-last_1"));
}

TEST_CASE("policy_registry: explain shows a policy by the name under which it was added") {
  auto c = policy_registry::standard();
  c.add("my-last", last{});
  c.add("at_most_5", max_in_flight{round_robin{}, 5});
  c.wrap("twice", [](any_policy p) -> any_policy { return failover{failover{std::move(p)}}; });
  for (std::string text : {"my-last", "at_most_5", "sticky{my-last}", "twice{my-last}", "failover{twice{at_most_5}}"}) {
    fleet f{c.make(text), servers(2)};
    CHECK(f.picker.explain().policy == text);
    CHECK_THAT(f.picker.explain().text(), ContainsSubstring("was chosen by " + text + " ("));
    CHECK(c.make(c.make(text).describe()).describe() == text);
  }
  CHECK_THROWS_WITH(c.make("at_most_5{7}"), ContainsSubstring("'at_most_5' has no place for '7'"));
}

TEST_CASE("policy_registry reads the parameters that a custom policy lists") {
  policy_registry c;
  c.add(fading{});
  CHECK(c.make("fading").describe() == "fading");
  CHECK(c.make("fading{0.25, 7}").describe() == "fading{share=0.25, offset=7}");
  CHECK(c.make("fading{offset=-10}").describe() == "fading{offset=-10}");
  CHECK_THROWS_WITH(c.make("fading{offset=11}"), ContainsSubstring("fading::offset 11 is outside -10 … 10"));
  CHECK(c.usage() == std::vector<std::string>{"fading{share=0.5, offset=-3}"});

  policy_registry other;  // its values are what a text does not say
  other.add(fading{0.75, 4});
  CHECK(other.make("fading").describe() == "fading");
  CHECK(other.make("fading{share=0.5}").describe() == "fading{share=0.5}");
  CHECK(other.usage() == std::vector<std::string>{"fading{share=0.75, offset=4}"});
}

TEST_CASE("policy_registry::of knows the policies of its lists and no others") {
  auto const c = policy_registry::of<policy_list<round_robin, ring_hash<>>, composition_list<failover>>();
  CHECK(c.names() == std::vector<std::string>{"round_robin", "ring_hash", "failover{…}"});
  CHECK(c.make("failover{ring_hash{points=7}}").describe() == "failover{ring_hash{points=7}}");
  CHECK_THROWS_WITH(c.make("maglev"),
                    ContainsSubstring("unknown policy 'maglev'; known: round_robin, ring_hash, failover{…}"));
  CHECK(policy_registry::of<policy_list<maglev<>>>().names() == std::vector<std::string>{"maglev"});
}

TEST_CASE("policy_registry::usage shows every policy with its parameters") {
  auto const usage = policy_registry::standard().usage();
  auto const shows = [&](std::string_view text) { return std::find(usage.begin(), usage.end(), text) != usage.end(); };
  CHECK(shows("round_robin"));
  CHECK(shows("ring_hash{points=160}"));
  CHECK(shows("max_in_flight{…, limit=1024}"));
  CHECK(shows("zone_first{…, zone=…, threshold=0}"));
  CHECK(shows("panic{…, action=…, threshold=50}"));
  CHECK(shows("shard_router{…}"));
}

}  // namespace policy_registry_test
