// SPDX-License-Identifier: MIT
// A program that includes nothing of the library: it imports the module, and uses it as the README uses the headers.
// Clang 16 does not find operators of the standard library in templates of a module, so <memory> is included here too.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

import equipoise;

// One backend type with functions beside it, one with traits: both must be found by templates of the module.
struct server {
  std::string name;
  int weight = 1;
};
std::string_view key_of(server const& s) { return s.name; }
int weight_of(server const& s) { return s.weight; }

struct plain {
  std::string text;
};
template <>
struct equipoise::backend_traits<plain> {
  static std::string_view key_of(plain const& p) { return p.text; }
};

struct first_member {
  struct table {
    std::vector<equipoise::member const*> all;
  };
  struct cursor {};
  table build(equipoise::members_view members) const {
    table t;
    for (auto const& m : members) t.all.push_back(&m);
    return t;
  }
  equipoise::proposal propose(table const& t, cursor&, equipoise::pick const&) const noexcept {
    return t.all.empty() ? nullptr : t.all[0];
  }
};
static_assert(equipoise::policy<first_member>);
static_assert(equipoise::backend<plain>);

void expect(bool condition) {
  if (!condition) std::abort();
}

int main() {
  equipoise::pool<server> pool;
  auto const a = pool.add({"a"});
  auto const b = pool.add({"b", 3});
  equipoise::balancer balancer{pool, equipoise::round_robin{}, 0};
  auto picker = balancer.make_picker();
  expect(picker.select().id() == a);
  auto lease = picker.acquire();
  expect(lease->name == "b" && pool.in_flight(b) == 1);
  lease.finish(equipoise::outcome::ok);

  pool.set(a, equipoise::health_flag::down | equipoise::health_flag::user_1);
  expect(picker.select().id() == b);
  expect(to_string(pool.health(a)) == "down+user_1");
  std::ostringstream text;
  text << a << ' ' << pool.health(b) << ' ' << picker.explain();
  expect(text.str().starts_with("#0.1 up b"));

  equipoise::balancer keyed{pool, equipoise::sticky{equipoise::bounded_load{equipoise::maglev{}}}};
  auto keyed_picker = keyed.make_picker();
  expect(keyed_picker.acquire("user-42").id() == b);

  equipoise::balancer by_name{pool, equipoise::policy_registry::standard().make("failover{maglev}")};
  auto named_picker = by_name.make_picker();
  expect(named_picker.acquire("user-42").id() == b);

  equipoise::pool<plain> others;
  auto const other = others.add({"x"});
  equipoise::balancer over_others{others, equipoise::power_of_two{}};
  expect(over_others.acquire().id() == other);
  equipoise::pool<equipoise::endpoint> endpoints;
  expect(!endpoints.find("10.0.0.1:80"));
}
