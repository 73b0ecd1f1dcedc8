// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/shard_router.hpp>

namespace any_policy_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
// Checks that P and `erased` pick the same backends of one pool, through random health, loads, retries and weights.
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
    CHECK(explained.detail.empty() == (c != pick_error::refused));
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
  CHECK(policy_registry::standard().make("failover{sticky{maglev}}").needs_key());
  CHECK(!policy_registry::standard().make("failover{sticky{round_robin}}").needs_key());
}

TEST_CASE("any_policy: explain names the kind of key wanted and the one given") {
  auto const a = *address::parse("192.0.2.1");
  auto const detail_of = [](any_policy const& p, auto const&... key) {
    fleet f{p, servers(3)};
    return f.picker.explain(key...).detail;
  };
  CHECK(detail_of(maglev{}) == "there is no key, but the policy wants a text, a number or an address");
  CHECK(detail_of(ip_hash{}, "192.0.2.1") == "the key is a text, but the policy wants an address");
  CHECK(detail_of(ip_hash{}, -1) == "the key is a number, but the policy wants an address");
  CHECK(detail_of(shard_router{modulo_shards{{"A"}}}, a) == "the key is an address, but the policy wants a number");
  auto const by_name = policy_registry::standard().make("sticky{failover{ip_hash}}");
  CHECK(detail_of(by_name, 7u) == "the key is a number, but the policy wants an address");
  fleet f{by_name, servers(3)};
  CHECK_THAT(f.picker.explain().text(),
             ContainsSubstring("no backend was chosen by sticky{failover{ip_hash}}: refused, "
                               "there is no key, but the policy wants an address"));
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

TEST_CASE("any_policy tells which kinds of keys the policy inside takes") {
  auto const kinds = [](any_policy const& p) {
    auto const k = p.key_kinds();
    return std::string{k.text ? "t" : ""} + (k.number ? "n" : "") + (k.address ? "a" : "");
  };
  CHECK(kinds(round_robin{}).empty());
  CHECK(kinds(failover{ring_hash{}}) == "tna");
  CHECK(kinds(sticky{failover{ip_hash{}}}) == "a");
  CHECK(kinds(failover{any_policy{ip_hash{}}}) == "a");
  CHECK(kinds(shard_router{modulo_shards{{"A"}}}) == "n");
}

TEST_CASE("any_policy tells which attributes the policy inside reads, and reads no other") {
  using read = decltype(any_policy{round_robin{}}.attributes_read());
  // The picks of a policy over backends of which the first one has other attributes.
  auto const picks = [](any_policy const& policy, attributes const& first) {
    pool<server> p;
    p.assign(servers(5));
    p.update(p.find("A"), {.weight = first.weight, .priority = first.priority, .zone = first.zone});
    balancer<server, any_policy> lb{p, policy, 5};
    auto picker = lb.make_picker();
    std::string all;
    std::vector<lease<server>> held;
    for (int i = 0; i != 200; ++i) {
      bool const by_address = policy.key_kinds().address && !policy.key_kinds().text;
      auto const octet = static_cast<std::uint8_t>(i);
      all += name_or_error(held.emplace_back(picker.acquire(by_address ? any_key{address::v4({octet, octet, octet, 1})}
                                                                       : any_key{std::to_string(i % 97)})));
      if (held.size() > 9) held.erase(held.begin());
    }
    return all;
  };
  auto const registry = policy_registry::standard();
  std::vector<std::string> names{"zone_first{round_robin, zone=west}", "failover{zone_first{maglev, zone=west}}",
                                 "max_in_flight{round_robin, limit=9}", "bounded_load{round_robin}"};
  for (auto const& name : registry.names()) names.push_back(name.substr(0, name.find("{…}")));
  for (auto& name : names)
    if (!registry.try_make(name)) name += "{round_robin}";
  CHECK(registry.make("zone_first{round_robin, zone=west, threshold=0.7}").attributes_read().weight);
  for (auto const& name : names) {
    CAPTURE(name);
    auto const policy = registry.make(name);
    read const reads = policy.attributes_read();
    auto const plain = picks(policy, {});
    CHECK(reads.weight == (picks(policy, {.weight = 7}) != plain));
    CHECK(reads.priority == (picks(policy, {.priority = 1}) != plain));
    CHECK(reads.zone == (picks(policy, {.zone = "west"}) != plain));
  }
}

TEST_CASE("any_policy: a shard router gets negative and 64-bit numbers unchanged") {
  fleet f{any_policy{shard_router{modulo_shards{{"A", "B", "C"}}}}, servers(3)};
  CHECK(name_or_error(f.picker.select(-1)) == "C");
  CHECK(name_or_error(f.picker.select(0xFFFFFFFFFFFFFFFF)) == "A");
  CHECK(name_or_error(f.picker.select(-2LL)) == "B");
}

}  // namespace any_policy_test
