// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/panic.hpp>
#include <equipoise/policy/priority_levels.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/weighted_random.hpp>

namespace priority_levels_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
// Member i is on level i % levels.
std::vector<server> on_levels(std::vector<std::uint32_t> const& weights, std::uint32_t levels) {
  auto all = weighted(weights);
  for (std::size_t i = 0; i != all.size(); ++i) all[i].priority = static_cast<std::uint32_t>(i) % levels;
  return all;
}
std::vector<server> on_levels(std::size_t n, std::uint32_t levels) {
  return on_levels(std::vector<std::uint32_t>(n, 1), levels);
}

// How many of n picks each level gets.
template <class Fleet>
std::vector<std::size_t> of_levels(Fleet& f, std::vector<server> const& members, std::size_t n) {
  std::vector<std::size_t> count(8);
  for (std::uint64_t i = 0; i != n; ++i) {
    auto const c = select(f.picker, i);
    REQUIRE(c);
    ++count[members[c->number].priority];
  }
  return count;
}
}  // namespace

TEST_CASE("priority_levels: while 72 % of a level are healthy, it keeps all the work") {
  auto const members = on_levels(200, 2);
  fleet f{priority_levels{round_robin{}}, members};
  for (std::size_t down = 0; down != 28; ++down) {
    CHECK(of_levels(f, members, 100)[0] == 100);
    f.set(2 * down, health_flag::down);
  }
  CHECK(of_levels(f, members, 100)[0] == 100);
  f.set(2 * 28, health_flag::down);
  CHECK(of_levels(f, members, 10'000)[1] > 0);
}

TEMPLATE_TEST_CASE("priority_levels: the levels share as priority_load says, and by weight inside", "",
                   smooth_weighted_round_robin, weighted_random, maglev<>) {
  for (std::size_t n : {10u, 655u, 656u, 5000u})
    for (bool refreshed : {false, true}) {
      rng d{n};
      auto const weights = random_weights(d, n, 9);
      auto const members = on_levels(weights, 3);
      fleet f{priority_levels{TestType{}}, members, n};
      std::vector<priority_health> health(3);
      std::vector<bool> up(n);
      for (std::size_t i = 0; i != n; ++i) {
        up[i] = random_below(d, 10) < (i % 3 == 0 ? 3u : 4u) || i == 0;
        auto& l = health[i % 3];
        ++l.members, l.healthy += up[i];
        if (!up[i]) f.set(i, health_flag::down);
      }
      if (refreshed) f.pool.refresh();
      std::vector<priority_load> loads(3);
      spread_over_priorities(health, {140, 0}, loads);
      constexpr std::size_t picks = 30'000;
      auto const count = f.shares(picks);
      for (std::size_t l = 0; l != 3; ++l) {
        std::vector<std::size_t> seen;
        std::vector<double> right;
        std::size_t all = 0;
        for (std::size_t i = l; i < n; i += 3) {
          all += count[i];
          if (!up[i]) CHECK(count[i] == 0);
          if (up[i]) seen.push_back(count[i]), right.push_back(weights[i]);
        }
        double const expected = picks * loads[l].healthy / 100.0;
        INFO(n << " members, level " << l << " gets " << loads[l].healthy << " %");
        CHECK(static_cast<double>(all) == Approx(expected).margin(4.5 * std::sqrt(expected)));
        if (!std::same_as<TestType, maglev<>> && seen.size() > 1 && all > 0) CHECK(chi_square(seen, right) < 1);
      }
    }
}

TEST_CASE("priority_levels: it ends up on the last level that has a backend, of any size") {
  for (std::size_t n : {1u, 2u, 10u, 655u, 656u, 5000u}) {
    auto const members = on_levels(n, 8);
    fleet f{priority_levels{round_robin{}}, members};
    for (std::size_t i = 0; i + 1 < n; ++i) f.set(i, health_flag::down);
    for (int round = 0; round != 2; ++round) {
      for (int i = 0; i != 50; ++i) REQUIRE(f.picker.select()->number == n - 1);
      f.pool.refresh();
    }
    f.set(n - 1, health_flag::down);
    CHECK(f.next(1) == "(all_down)");
  }
}

TEMPLATE_TEST_CASE("priority_levels: a key has one level and one owner while health stays", "", maglev<>, ring_hash<>) {
  auto const members = on_levels(60, 2);
  fleet f{priority_levels{TestType{}}, members};
  auto other = f.lb.make_picker();
  auto const healthy = f.owners(4000);
  for (std::size_t i = 0; i < 30; i += 2) f.set(i, health_flag::down);  // half of level 0
  auto const half = f.owners(4000);
  std::size_t moved = 0;
  for (std::uint64_t k = 0; k != 4000; ++k) {
    REQUIRE(other.select(k).id() == half[k]);
    moved += half[k] != healthy[k] && f.pool.health(healthy[k]) == health_flag::none;
  }
  CHECK(moved > 480);  // those that level 1 takes from healthy members: 4000 · 0.3 / 2
  CHECK(moved < 720);
  f.pool.refresh();
  CHECK(f.owners(4000) == half);
  for (std::size_t i = 0; i < 30; i += 2) f.clear(i, health_flag::down);
  CHECK(f.owners(4000) == healthy);
}

TEST_CASE("priority_levels: a key's level and its owner on that level are independent") {
  auto const members = on_levels(8, 2);
  fleet f{priority_levels{maglev{}}, members};
  auto const before = f.owners(40'000);
  f.set(0, health_flag::down), f.set(2, health_flag::down);
  std::vector<std::size_t> seen;
  for (auto id : {0, 2, 4, 6}) {
    std::size_t n = 0;
    for (std::uint64_t k = 0; k != before.size(); ++k)
      n += before[k] == f.ids[static_cast<std::size_t>(id)] && members[f.picker.select(k)->number].priority == 1;
    seen.push_back(n);
  }
  auto const owned = [&](std::size_t i) {
    return static_cast<double>(std::count(before.begin(), before.end(), f.ids[i]));
  };
  CHECK(chi_square(seen, {owned(0), owned(2), owned(4), owned(6)}) < 1);
}

TEST_CASE("priority_levels: a level without a place, or excluded, hands the pick on") {
  auto members = on_levels(3, 3);
  fleet f{priority_levels{max_in_flight{round_robin{}, 1}}, members};
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
  CHECK(f.picker.select({.excluded = {f.ids.data(), 3}}).error() == pick_error::all_excluded);
  f.set(0, health_flag::down);
  CHECK(f.next(3) == "BBB");
  CHECK(select_n(f.picker, 0, 3).size() == 2);
}

TEST_CASE("priority_levels: members that drain carry nothing and cause no panic") {
  auto const members = on_levels(20, 2);
  fleet f{priority_levels{round_robin{}, 140, 50}, members};
  for (std::size_t i = 0; i < 10; i += 2) f.set(i, health_flag::draining);  // half of level 0
  auto const count = of_levels(f, members, 10'000);
  CHECK(static_cast<double>(count[0]) == Approx(7000).margin(250));
  for (std::size_t i = 1; i < 20; i += 2) f.set(i, health_flag::down);
  for (int i = 0; i != 100; ++i) REQUIRE(f.pool.health(f.picker.select().id()) != health_flag::draining);
}

TEST_CASE("priority_levels: a level in a panic gives work to all of its members") {
  for (bool refreshed : {false, true}) {
    auto const members = on_levels(20, 2);
    fleet f{priority_levels{round_robin{}, 140, 50}, members, 3};
    for (std::size_t i = 0; i != 16; ++i) f.set(i, health_flag::down);  // two of ten are left on each level
    if (refreshed) f.pool.refresh();
    CHECK(chi_square(f.shares(20'000)) < 1);
    CHECK_THAT(f.picker.explain().text(), ContainsSubstring("panic of priority 0: 2 of 10 healthy, threshold 50 %"));
    f.clear(1, health_flag::down), f.clear(3, health_flag::down), f.clear(5, health_flag::down);  // five on level 1
    auto const count = f.shares(20'000);
    for (std::size_t i : {7u, 9u, 11u, 13u, 15u}) CHECK(count[i] == 0);
    CHECK(count[0] > 0);  // level 0 still is
    for (std::size_t i : {1u, 3u, 5u, 7u, 9u, 11u}) f.pool.clear(f.ids[i], health_flag::down);
    CHECK(f.shares(2000)[0] == 0);  // level 1 can carry the rest
  }
  fleet never{priority_levels{round_robin{}}, on_levels(4, 2)};
  for (std::size_t i = 0; i != 4; ++i) never.set(i, health_flag::down);
  CHECK(never.next(1) == "(all_down)");
}

TEST_CASE("priority_levels: explain says how the work is shared") {
  auto const members = on_levels(20, 2);
  fleet f{priority_levels{round_robin{}}, members, 1};
  CHECK(f.picker.explain().notes.empty());
  CHECK_THAT(f.picker.explain().text(), ContainsSubstring("; 10 on standby"));
  for (std::size_t i = 0; i < 10; i += 2) f.set(i, health_flag::down);
  CHECK(f.picker.explain().notes == std::vector<std::string>{"priority 0: 70 % of the work, 5 of 10 healthy",
                                                             "priority 1: 30 % of the work, 10 of 10 healthy"});
  CHECK_THAT(f.picker.explain().text(), ContainsSubstring(" on another level of priority"));
}

TEMPLATE_TEST_CASE("priority_levels: explain names what the pick takes", "", round_robin, least_connections, maglev<>) {
  rng d{6};
  fleet f{priority_levels{TestType{}, 140, 40}, on_levels(random_weights(d, 9, 4), 3), 2};
  check_explained_picks(f, d, [](auto const&...) {});
}

TEST_CASE("priority_levels: the same seed gives the same picks, and workers draw apart") {
  auto const members = on_levels(20, 2);
  auto const picks = [&](std::uint64_t seed, bool second) {
    fleet f{priority_levels{round_robin{}}, members, seed};
    for (std::size_t i = 0; i < 10; i += 2) f.set(i, health_flag::down);
    auto other = f.lb.make_picker();
    std::string names;
    for (int i = 0; i != 200; ++i) names += (second ? other : f.picker).select()->name;
    return names;
  };
  CHECK(picks(3, false) == picks(3, false));
  CHECK(picks(3, false) != picks(4, false));
  CHECK(picks(3, false) != picks(3, true));
}

TEST_CASE("priority_levels: a neighbour that flaps leaves the shares of its level alone") {
  auto members = on_levels({5, 1, 3, 1, 2, 1, 4, 1}, 2);
  fleet f{priority_levels{smooth_weighted_round_robin{}}, members, 3};
  std::vector<std::size_t> count(8);
  for (int i = 0; i != 20'000; ++i) {
    if (i % 3 == 0) i % 2 == 0 ? f.set(6, health_flag::down) : f.clear(6, health_flag::down);
    if (i % 7 == 0) f.pool.refresh();
    ++count[f.picker.select()->number];
  }
  for (std::size_t i : {0u, 2u, 4u})
    CHECK(static_cast<double>(count[i]) / members[i].weight ==
          Approx(static_cast<double>(count[0]) / members[0].weight).epsilon(0.1));
}

TEST_CASE("priority_levels: any_policy inside draws by a key only if the policy needs one") {
  auto const members = on_levels(20, 2);
  fleet keyless{priority_levels{any_policy{round_robin{}}}, members, 1};
  fleet by_key{any_policy{priority_levels{any_policy{maglev{}}}}, members, 1};
  for (std::size_t i = 0; i < 10; i += 2) keyless.set(i, health_flag::down), by_key.set(i, health_flag::down);
  std::size_t far = 0;
  for (int i = 0; i != 1000; ++i) far += keyless.picker.select("one key")->number % 2;
  CHECK(far > 200);
  CHECK(far < 400);
  for (int k = 0; k != 100; ++k) {
    auto const owner = by_key.picker.select(k).id();
    for (int i = 0; i != 3; ++i) CHECK(by_key.picker.select(k).id() == owner);
  }
  CHECK(by_key.picker.select().error() == pick_error::refused);
  CHECK(of_levels(by_key, members, 4000)[1] > 900);
}

TEST_CASE("priority_levels refuses priorities and parameters outside their ranges") {
  fleet f{priority_levels{round_robin{}}, on_levels(8, 8)};
  CHECK_THROWS_WITH(f.join({{"X", 1, 8}}),
                    ContainsSubstring("priority 8 of backend 'X' is beyond priority_levels's levels 0 … 7"));
  CHECK(f.pool.size() == 8);
  CHECK_THROWS_WITH(priority_levels(round_robin{}, 99), ContainsSubstring("priority_levels::overprovisioning 99"));
  CHECK_THROWS_WITH(priority_levels(round_robin{}, -1), ContainsSubstring("priority_levels::overprovisioning -1"));
  for (double bad : {-1.0, 101.0, std::nan("")})
    CHECK_THROWS_WITH(priority_levels(round_robin{}, 140, bad), ContainsSubstring("priority_levels::panic_threshold"));
}

}  // namespace priority_levels_test
