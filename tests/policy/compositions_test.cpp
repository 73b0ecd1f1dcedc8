// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/hash_modulo.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/random.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/sticky.hpp>

#include <functional>

namespace compositions_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
std::vector<server> on_levels(std::vector<std::uint32_t> const& levels) {
  auto all = servers(levels.size());
  for (std::size_t i = 0; i != levels.size(); ++i) all[i].priority = levels[i];
  return all;
}
}  // namespace

TEMPLATE_TEST_CASE("max_in_flight: a pick is refused exactly when every backend is at the limit", "", round_robin,
                   power_of_two, maglev<>) {
  rng d{34};
  fleet f{max_in_flight{TestType{}, 3}, servers(5), 1};
  std::vector<lease<server>> held;
  for (std::uint64_t step = 0; step != 5000; ++step) {
    if (!held.empty() && random_below(d, 10) < 4) {
      std::swap(held[random_below(d, static_cast<std::uint32_t>(held.size()))], held.back());
      held.pop_back();
      continue;
    }
    auto l = acquire(f.picker, d());
    REQUIRE(static_cast<bool>(l) == (held.size() < 15));
    if (l)
      held.push_back(std::move(l));
    else
      CHECK(l.error() == pick_error::all_saturated);
    for (auto id : f.ids) REQUIRE(f.pool.in_flight(id) <= 3);
  }
}

TEST_CASE("max_in_flight: the limit holds over all counter stripes and in the scan") {
  fleet f{max_in_flight{round_robin{}, 2}, servers(20), 0, {.counter_stripes = 4}};
  for (std::size_t i = 0; i != 17; ++i) f.set(i, health_flag::down);
  std::vector<picker<server, max_in_flight<round_robin>>> workers;
  for (int i = 0; i != 4; ++i) workers.push_back(f.lb.make_picker());
  std::vector<lease<server>> held;
  for (std::size_t i = 0; i != 6; ++i) {
    held.push_back(workers[i % 4].acquire());
    REQUIRE(held.back());
  }
  for (auto& w : workers) CHECK(w.acquire().error() == pick_error::all_saturated);
  for (std::size_t i = 17; i != 20; ++i) CHECK(f.pool.in_flight(f.ids[i]) == 2);
}

TEST_CASE("max_in_flight: the smaller of two limits counts, and a limit of 0 is refused") {
  fleet f{max_in_flight{max_in_flight{round_robin{}, 2}, 7}, servers(1)};
  std::vector<lease<server>> held;
  for (int i = 0; i != 2; ++i) held.push_back(f.picker.acquire());
  CHECK(!f.picker.acquire());
  CHECK_THROWS_WITH(max_in_flight(round_robin{}, 0), ContainsSubstring("max_in_flight::limit 0 is outside 1 …"));
  CHECK_THROWS_WITH(max_in_flight(round_robin{}, -1), ContainsSubstring("max_in_flight::limit -1 is outside 1 …"));
  CHECK_THROWS_WITH(max_in_flight(round_robin{}, 0xFFFFFFFF), ContainsSubstring("limit 4294967295 is outside"));
}

TEMPLATE_TEST_CASE("bounded_load: no backend exceeds its bound, and some backend always has room", "", round_robin,
                   maglev<>) {
  rng d{35};
  for (double factor : {1.01, 1.25, 2.0}) {
    auto const weights = random_weights(d, 10, 4);
    double total_weight = 0;
    for (auto w : weights) total_weight += w;
    fleet f{bounded_load{TestType{}, factor}, weighted(weights), 1};
    std::vector<lease<server>> held;
    for (int step = 0; step != 3000; ++step) {
      if (!held.empty() && random_below(d, 10) < 4) {
        std::swap(held[random_below(d, static_cast<std::uint32_t>(held.size()))], held.back());
        held.pop_back();
        continue;
      }
      held.push_back(acquire(f.picker, random_below(d, 3)));  // three hot keys
      REQUIRE(held.back());
      double const share = static_cast<double>(held.size()) * weights[held.back()->number] / total_weight;
      REQUIRE(f.pool.in_flight(held.back().id()) <= std::ceil(factor * share + 1e-9));
    }
  }
}

TEST_CASE("bounded_load: a hot key spreads over its next backends and stays when idle") {
  fleet f{bounded_load{maglev{}}, servers(10)};
  auto const order = select_n(f.picker, 7, 10);
  std::vector<lease<server>> held;
  held.push_back(f.picker.acquire(7));
  CHECK(held[0].id() == order[0]);
  for (int i = 0; i != 99; ++i) held.push_back(f.picker.acquire(7));
  CHECK(f.pool.in_flight(order[0]) == 13);  // ⌈1.25 · 100 / 10⌉
  held.clear();
  for (int i = 0; i != 100; ++i) CHECK(f.picker.acquire(7).id() == order[0]);
}

TEMPLATE_TEST_CASE("bounded_load: two healthy backends always have room, however many are down", "", round_robin,
                   maglev<>) {
  for (std::size_t n : {10u, 100u}) {
    fleet f{bounded_load{TestType{}}, servers(n), 1};
    f.next(3);  // the remembered share is out of date from here on
    for (std::size_t i = 2; i != n; ++i) f.set(i, health_flag::down);
    for (int round = 0; round != 2; ++round) {
      std::vector<lease<server>> held;
      for (std::uint64_t i = 0; i != 200; ++i) {
        held.push_back(acquire(f.picker, i));
        REQUIRE(held.back());
      }
      CHECK(f.pool.in_flight(f.ids[0]) <= 126);
      CHECK(f.pool.in_flight(f.ids[1]) <= 126);
      f.pool.refresh();
    }
  }
}

TEST_CASE("bounded_load: a change of membership counts from the next pick on") {
  fleet f{bounded_load{maglev{}}, servers(40)};
  std::vector<lease<server>> held;
  for (int i = 0; i != 60; ++i) held.push_back(f.picker.acquire(i));  // no backend has more than 2
  auto late = servers(80);
  late.erase(late.begin(), late.begin() + 40);
  f.join(late);
  for (int i = 0; i != 8; ++i) {
    held.push_back(f.picker.acquire(i));
    CHECK(f.pool.in_flight(held.back().id()) == 1);  // ⌈1.25 · 61 / 80⌉
  }
}

TEST_CASE("bounded_load: a retry's exclusions loosen the bound for that pick alone") {
  fleet f{bounded_load{maglev{}}, servers(2)};
  auto const order = select_n(f.picker, 7, 2);
  std::vector<lease<server>> held;
  for (int i = 0; i != 40; ++i) held.push_back(f.picker.acquire(7));
  auto const at_home = f.pool.in_flight(order[0]);
  CHECK(at_home == 25);  // ⌈1.25 · 40 / 2⌉
  for (int i = 0; i != 10; ++i) CHECK(f.picker.acquire(7, {.excluded = {&order[1], 1}}).id() == order[0]);
  held.push_back(f.picker.acquire(7));
  held.push_back(f.picker.acquire(7));
  held.push_back(f.picker.acquire(7));
  CHECK(f.pool.in_flight(order[0]) <= 27);  // ⌈1.25 · 43 / 2⌉
}

TEST_CASE("bounded_load refuses factors outside its range") {
  for (double bad : {1.0, 0.5, 0.0, -1.0, 2e6, std::nan("")})
    CHECK_THROWS_WITH(bounded_load(round_robin{}, bad), ContainsSubstring("bounded_load::factor"));
  CHECK_NOTHROW(bounded_load(round_robin{}, 1e6));
}

TEST_CASE("failover: work goes to the first level that has an available backend") {
  fleet f{failover{round_robin{}}, on_levels({0, 0, 1, 3, 3})};
  CHECK(f.next(4) == "ABAB");
  f.set(0, health_flag::down);
  CHECK(f.next(2) == "BB");
  f.set(1, health_flag::draining);
  CHECK(f.next(2) == "CC");
  f.pool.refresh();
  CHECK(f.next(2) == "CC");
  f.set(2, health_flag::down);
  CHECK(f.shares(4) == std::vector<std::size_t>{0, 0, 0, 2, 2});
  f.set(3, health_flag::down), f.set(4, health_flag::down);
  CHECK(f.next(1) == "(all_down)");
  for (std::size_t i = 0; i != 5; ++i) f.pool.clear(f.ids[i], health_flag::down | health_flag::draining);
  f.pool.refresh();
  CHECK(f.shares(4) == std::vector<std::size_t>{2, 2, 0, 0, 0});
}

TEST_CASE("failover: a full level overflows into the next, and exclusions are passed over") {
  fleet f{failover{max_in_flight{round_robin{}, 1}}, on_levels({0, 1, 2})};
  std::vector<lease<server>> held;
  std::string names;
  for (int i = 0; i != 3; ++i) {
    held.push_back(f.picker.acquire());
    names += name_or_error(held.back());
  }
  CHECK(names == "ABC");
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  held.clear();
  CHECK(name_or_error(f.picker.select({.excluded = {f.ids.data(), 2}})) == "C");
}

TEST_CASE("failover: a priority beyond its levels is refused by name and changes nothing") {
  fleet f{failover{round_robin{}}, on_levels({0, 7})};
  CHECK_THROWS_WITH(f.join({{"X", 1, 8}}), ContainsSubstring("priority 8 of backend 'X'"));
  CHECK_THROWS_WITH(f.pool.update(f.ids[0], {.priority = 65'535}), ContainsSubstring("priority 65535 of backend 'A'"));
  CHECK(f.pool.size() == 2);
  CHECK(f.next(2) == "AA");
}

TEST_CASE("failover: a priority beyond its levels is also refused of a backend that is down") {
  fleet f{failover{round_robin{}}, on_levels({0, 0})};
  f.set(1, health_flag::down);
  f.pool.refresh();
  CHECK_THROWS_WITH(f.pool.update(f.ids[1], {.priority = 9}), ContainsSubstring("priority 9 of backend 'B'"));
}

TEMPLATE_TEST_CASE("failover: the owners of a key on two levels are independent", "", maglev<>, hash_modulo<>) {
  fleet f{failover{TestType{}}, on_levels({0, 0, 0, 0, 1, 1, 1, 1})};
  std::vector<std::size_t> pairs(16);
  std::vector<std::size_t> first(20'000);
  for (std::uint64_t k = 0; k != first.size(); ++k) first[k] = f.picker.select(k)->number;
  for (std::size_t i = 0; i != 4; ++i) f.set(i, health_flag::down);
  for (std::uint64_t k = 0; k != first.size(); ++k) ++pairs[4 * first[k] + f.picker.select(k)->number - 4];
  CHECK(chi_square(pairs) < 1);
}

TEST_CASE("failover: a level keeps its keys and positions when another level goes") {
  fleet f{failover{maglev{}}, on_levels({0, 0, 1, 1, 1, 1})};
  f.set(0, health_flag::down), f.set(1, health_flag::down);
  auto const before = f.owners(2000);
  f.pool.remove(f.ids[0]), f.pool.remove(f.ids[1]);
  CHECK(f.owners(2000) == before);

  fleet g{failover{round_robin{}}, on_levels({0, 1, 1, 1})};
  g.set(0, health_flag::down);
  CHECK(g.next(2) == "BC");
  g.pool.remove(g.ids[0]);
  CHECK(g.next(2) == "DB");
}

TEMPLATE_TEST_CASE("failover: workers also begin apart on a level that is added later", "", round_robin,
                   equipoise::random, power_of_two) {
  std::vector<std::size_t> first(10);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    fleet f{failover{TestType{}}, on_levels({0}), seed};
    auto other = f.lb.make_picker();
    f.next(1), other.select();
    f.set(0, health_flag::down);
    auto late = servers(11);
    late.erase(late.begin());
    for (auto& s : late) s.priority = 1, s.number -= 1;
    f.join(late);
    ++first[f.picker.select()->number];
    ++first[other.select()->number];
  }
  CHECK(chi_square(first) < 1);
}

TEST_CASE("sticky: a session goes back to its backend, and the child decides for others") {
  fleet f{sticky{round_robin{}}, servers(3)};
  for (std::size_t i : {2u, 0u, 1u, 1u}) {
    CHECK(f.picker.select({.session = f.ids[i]}).id() == f.ids[i]);
    CHECK(f.picker.acquire({.session = f.ids[i]}).id() == f.ids[i]);
  }
  CHECK(f.next(3) == "ABC");
  fleet many{sticky{round_robin{}}, servers(200)};
  for (int round = 0; round != 2; ++round) {
    for (auto id : many.ids) CHECK(many.picker.select({.session = id}).id() == id);
    many.pool.remove(many.ids[0]);  // the last one that joins gets its slot
    many.join({{"again-" + std::to_string(round)}});
    many.ids.erase(many.ids.begin());
  }
}

TEST_CASE("sticky: draining or weight 0 keeps the sessions and gets no new ones") {
  fleet f{sticky{round_robin{}}, servers(3)};
  auto const goes_to = [&](std::size_t i) { return name_or_error(f.picker.acquire({.session = f.ids[i]})); };
  for (int round = 0; round != 2; ++round) {
    f.set(0, health_flag::draining);
    f.pool.update(f.ids[1], {.weight = 0});
    CHECK(goes_to(0) == "A");
    CHECK(goes_to(1) == "B");
    CHECK(f.next(3) == "CCC");
    f.pool.refresh();
  }
  std::vector const excluded{f.ids[2]};  // a retry keeps its session
  CHECK(name_or_error(f.picker.select({.excluded = excluded, .session = f.ids[0]})) == "A");
  CHECK(name_or_error(f.picker.acquire({.excluded = excluded, .session = f.ids[1]})) == "B");
  f.set(0, health_flag::down);  // draining and down, so its sessions leave too
  CHECK(goes_to(0) == "C");
  f.set(1, health_flag::maintenance);
  CHECK(goes_to(1) == "C");
  f.pool.update(f.ids[2], {.weight = 0});
  CHECK(f.next(1) == "(all_down)");
  CHECK(goes_to(2) == "C");
  fleet bounded{bounded_load{sticky{round_robin{}}}, servers(2)};
  bounded.pool.update(bounded.ids[0], {.weight = 0});
  for (int i = 0; i != 3; ++i) CHECK(name_or_error(bounded.picker.acquire({.session = bounded.ids[0]})) == "A");
}

TEST_CASE("sticky: invalid ids, excluded and saturated backends do not bind a session") {
  fleet f{sticky{round_robin{}}, servers(3)};
  auto const old = f.ids[1];
  f.pool.remove(old);
  f.pool.add({"X", 1, 0, "", 1});
  for (backend_id id :
       {old, backend_id{}, backend_id{f.ids[2].slot, f.ids[2].tag | 16},
        backend_id{f.ids[2].slot, f.ids[2].tag + detail::one_generation}, backend_id{0xFFFFFFFF, 0xFFFFF000}})
    CHECK(f.next(3, {.session = id}) == "ACX");
  std::vector const excluded{f.ids[2]};
  CHECK(f.picker.select({.excluded = excluded, .session = f.ids[2]}).id() != f.ids[2]);
  f.set(2, health_flag::saturated);
  CHECK(f.picker.select({.session = f.ids[2]}).id() != f.ids[2]);
}

TEST_CASE("sticky: a limit outside stops a session, and a limit inside does not") {
  fleet outside{max_in_flight{sticky{round_robin{}}, 1}, servers(2)};
  auto const a = outside.picker.acquire({.session = outside.ids[0]}),
             b = outside.picker.acquire({.session = outside.ids[0]});
  CHECK(name_or_error(a) + name_or_error(b) == "AB");
  fleet inside{sticky{max_in_flight{round_robin{}, 1}}, servers(2)};
  auto const c = inside.picker.acquire({.session = inside.ids[0]}),
             e = inside.picker.acquire({.session = inside.ids[0]});
  CHECK(name_or_error(c) + name_or_error(e) == "AA");
}

TEST_CASE("bounded_load: a bound beyond every possible count does not limit") {
  fleet f{bounded_load{round_robin{}, 1e6}, weighted({0xFFFFFFFF, 1})};
  std::vector<lease<server>> held;
  for (int i = 0; i != 3000; ++i) held.push_back(f.picker.acquire());
  f.set(0, health_flag::down);
  CHECK(name_or_error(f.picker.acquire({.mask = admission::panic})) == "A");
}

namespace {
// A policy with a table that may throw when it moves. A vector that grows would copy such a table.
struct table_of_members {
  struct table {
    array_view<member const> owner;
    table() = default;
    table(table const& other) : owner{other.owner} {}
    table& operator=(table const&) = default;
  };
  struct cursor {};
  table build(members_view m) const {
    table t;
    t.owner = m;
    return t;
  }
  proposal propose(table const& t, cursor&, pick const& k) const noexcept {
    return t.owner.data() == k.members.data() ? &t.owner[0] : proposal::none(pick_error::refused);
  }
};

// A policy that calls a function once during a pick.
struct interleaved {
  struct table {};
  struct cursor {};
  std::function<void()>* others;
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    if (*others) std::exchange(*others, nullptr)();
    return k.members.empty() ? nullptr : &k.members[0];
  }
};
}  // namespace

TEST_CASE("failover: a child's table may refer to the members that it was built from") {
  fleet f{failover{table_of_members{}}, on_levels({0, 1, 2, 3, 4, 5, 6, 7})};
  for (std::size_t i = 0; i != 8; ++i) {
    CHECK(name_or_error(f.picker.select()) == name_of(i));
    f.set(i, health_flag::down);
  }
}

TEST_CASE("bounded_load: a pick sums again if other workers took the room it counted on") {
  std::function<void()> others;
  fleet f{bounded_load{interleaved{&others}}, servers(2)};
  balancer outside{f.pool, round_robin{}, 0};
  auto other = outside.make_picker();
  std::vector<lease<server>> held;
  others = [&] {
    for (int i = 0; i != 2; ++i) held.push_back(other.acquire());
  };
  CHECK(f.picker.acquire());
  CHECK(held.size() == 2);
}

}  // namespace compositions_test
