// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/panic.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/sticky.hpp>
#include <equipoise/policy/weighted_random.hpp>

#include <set>

namespace panic_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
constexpr std::size_t sizes[] = {1, 2, 10, 655, 656, 5000};

// Sets all members down but the first `left`, in an order that the seed gives.
template <class Fleet>
std::vector<std::size_t> leave(Fleet& f, std::size_t left, std::uint64_t seed, health_flag flag = health_flag::down) {
  std::vector<std::size_t> order(f.ids.size());
  for (std::size_t i = 0; i != order.size(); ++i) order[i] = i;
  rng d{seed};
  std::shuffle(order.begin(), order.end(), d);
  for (std::size_t i = left; i < order.size(); ++i) f.set(order[i], flag);
  order.resize(std::min(left, order.size()));
  return order;
}
}  // namespace

TEMPLATE_TEST_CASE("panic: below the threshold every member gets its share by weight", "", smooth_weighted_round_robin,
                   weighted_random, power_of_two, least_connections) {
  for (std::size_t n : sizes)
    for (bool refreshed : {false, true}) {
      rng d{n};
      auto const weights = random_weights(d, n, 9);
      fleet f{panic{TestType{}, panic_action::all}, weighted(weights), n};
      f.next(3);
      leave(f, (n - 1) / 2, n);
      if (refreshed) f.pool.refresh();
      INFO(n << " members, refreshed: " << refreshed);
      auto const count = f.shares(n < 100                                                  ? 20'000
                                  : n == 5000 && std::same_as<TestType, least_connections> ? 9'000
                                                                                           : 50'000);
      if (n > 1) CHECK(chi_square(count, std::vector<double>(weights.begin(), weights.end())) < 1);
    }
}

TEST_CASE("panic: the threshold itself is no panic") {
  for (std::size_t n : sizes) {
    fleet f{panic{round_robin{}, panic_action::all}, servers(n)};
    auto const left = leave(f, (n + 1) / 2, n);
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i != 4 * n; ++i) seen.insert(f.picker.select()->number);
    CHECK(seen == std::set<std::size_t>(left.begin(), left.end()));
    f.set(left[0], health_flag::ejected);
    seen.clear();
    for (std::size_t i = 0; i != 4 * n; ++i) seen.insert(f.picker.select()->number);
    CHECK(seen.size() == n);
    f.clear(left[0], health_flag::ejected);
    for (std::size_t i = 0; i != 4 * n; ++i) REQUIRE(f.pool.health(f.picker.select().id()) == health_flag::none);
  }
}

TEST_CASE("panic: a threshold of 0 is never, and one of 100 is the first failure") {
  fleet never{panic{round_robin{}, panic_action::all, 0}, servers(3)};
  fleet always{panic{round_robin{}, panic_action::fail, 100}, servers(3)};
  CHECK(always.next(3) == "ABC");
  always.set(2, health_flag::circuit_open);
  CHECK(always.next(1) == "(all_down)");
  for (std::size_t i = 0; i != 3; ++i) never.set(i, health_flag::down);
  CHECK(never.next(1) == "(all_down)");
}

TEST_CASE("panic: members that were taken out get no work in a panic and start none") {
  for (auto flag : {health_flag::draining, health_flag::maintenance, health_flag::saturated, health_flag::user_3}) {
    fleet f{panic{round_robin{}, panic_action::fail}, servers(10)};
    for (std::size_t i = 2; i != 10; ++i) f.set(i, flag);
    CHECK(f.next(4) == "ABAB");
    f.set(0, health_flag::down);
    CHECK(f.next(2) == "BB");  // one of two is left
    f.set(1, health_flag::down);
    CHECK(f.next(1) == "(all_down)");

    fleet g{panic{round_robin{}, panic_action::all}, servers(10)};
    for (std::size_t i = 0; i != 10; ++i) g.set(i, i < 5 ? flag : health_flag::down);
    for (int round = 0; round != 2; ++round) {
      auto const count = g.shares(100);
      for (std::size_t i = 0; i != 10; ++i) CHECK(count[i] == (i < 5 ? 0 : 20));
      g.pool.refresh();
    }
    for (std::size_t i = 5; i != 10; ++i) g.set(i, flag);
    CHECK_THAT(g.next(1), ContainsSubstring("(all_"));
  }
  fleet weightless{panic{round_robin{}, panic_action::all}, servers(3)};
  weightless.pool.update(weightless.ids[0], {.weight = 0});
  weightless.pool.remove(weightless.ids[1]);
  weightless.set(2, health_flag::down);
  CHECK(weightless.next(3) == "CCC");
}

TEST_CASE("panic: the action fail refuses every pick until enough members are healthy") {
  for (std::size_t n : {2u, 10u, 655u}) {
    fleet f{panic{maglev{}, panic_action::fail}, servers(n)};
    auto const left = leave(f, (n - 1) / 2, n);
    for (std::uint64_t key = 0; key != 20; ++key) {
      CHECK(select(f.picker, key).error() == pick_error::all_down);
      CHECK(acquire(f.picker, key).error() == pick_error::all_down);
    }
    CHECK(select_n(f.picker, 1, 3).empty());
    for (auto id : f.ids) f.pool.clear(id, health_flag::down);
    for (std::uint64_t key = 0; key != 20; ++key) CHECK(select(f.picker, key));
  }
}

TEMPLATE_TEST_CASE("panic: keys go back to their owners, as if every member were healthy", "", maglev<>, ring_hash<>,
                   bounded_load<maglev<>>) {
  for (std::size_t n : {1u, 2u, 10u, 655u}) {
    fleet f{panic{[] {
                    if constexpr (std::same_as<TestType, bounded_load<maglev<>>>)
                      return bounded_load{maglev{}};
                    else
                      return TestType{};
                  }(),
                  panic_action::all},
            servers(n)};
    auto const before = f.owners(1000);
    leave(f, n / 3, n);
    CHECK(f.owners(1000) == before);
    f.pool.refresh();
    CHECK(f.owners(1000) == before);
  }
}

TEST_CASE("panic: last_known keeps the members that were healthy when enough of them were") {
  for (std::size_t n : {2u, 10u, 655u, 5000u})
    for (bool keyed : {false, true}) {
      auto const check = [n](auto policy) {
        fleet f{panic{std::move(policy), panic_action::last_known}, servers(n)};
        f.next(1);
        // A fifth is down for long. Then most of the others fail at once.
        std::set<std::size_t> known, old;
        for (std::size_t i = 0; i != n; ++i) (i % 5 == 4 ? old : known).insert(i);
        for (auto i : old) f.set(i, health_flag::down);
        f.next(1);
        for (auto i : known) f.set(i, i % 2 == 0 ? health_flag::down : health_flag::ejected);
        auto const users = [&] {
          std::set<std::size_t> seen;
          for (std::uint64_t i = 0; i != 20 * n; ++i) {
            auto const l = acquire(f.picker, i);
            REQUIRE(l);
            seen.insert(l->number);
          }
          return seen;
        };
        CHECK(users() == known);
        f.pool.refresh();
        CHECK(users() == known);  // the table before knew
        if (!old.empty()) {
          auto const back = *old.begin();
          f.clear(back, health_flag::down);
          known.insert(back);
          CHECK(users() == known);  // a healthy member always gets work
          f.set(back, health_flag::down);
          known.erase(back);
          CHECK(users() == known);
        }
        f.pool.remove(f.ids[0]);
        known.erase(0);
        f.join({{"newcomer", 1, 0, "", n}});
        f.pool.set(f.ids.back(), health_flag::down);
        if (n > 2) CHECK(users() == known);  // nothing is known of the newcomer
        for (auto id : f.ids) f.pool.clear(id, health_flag::down | health_flag::ejected);
        CHECK(users().size() == n);
      };
      keyed ? check(maglev{}) : check(round_robin{});
    }
}

TEST_CASE("panic: last_known of a pool that began in a panic is every member") {
  pool<server> pool;
  for (auto const& s : servers(4)) pool.set(pool.add(s), health_flag::down);
  balancer lb{pool, panic{round_robin{}, panic_action::last_known}, 0};
  auto picker = lb.make_picker();
  std::vector<std::size_t> count(4);
  for (std::size_t i = 0; i != 8; ++i) ++count[picker.select()->number];
  CHECK(count == std::vector<std::size_t>(4, 2));
  CHECK_THAT(picker.explain().text(), ContainsSubstring("; 3 not asked."));
}

TEST_CASE("panic: what is last known does not pass from one member to another in its slot") {
  fleet f{panic{round_robin{}, panic_action::last_known}, servers(4), 0, {.capacity = 4}};
  f.next(4);
  f.set(3, health_flag::down);
  f.next(1);
  for (std::size_t i = 0; i != 3; ++i) f.set(i, health_flag::down);
  CHECK(f.next(1) != "D");
  f.pool.remove(f.ids[0]);
  f.pool.refresh();
  f.join({{"X", 1, 0, "", 4}});
  CHECK(f.ids[4].slot == f.ids[0].slot);
  f.pool.set(f.ids[4], health_flag::down);
  for (int i = 0; i != 20; ++i) CHECK(f.picker.select()->number != 4);
}

TEST_CASE("panic: a neighbour that flaps at the threshold does not stop the others") {
  for (auto action : {panic_action::all, panic_action::last_known}) {
    fleet f{panic{smooth_weighted_round_robin{}, action}, weighted({5, 3, 2, 4}), 3};
    f.set(2, health_flag::down);
    std::vector<std::size_t> count(4);
    for (int i = 0; i != 6000; ++i) {
      if (i % 3 == 0) i % 2 == 0 ? f.set(3, health_flag::down) : f.clear(3, health_flag::down);
      if (i % 7 == 0) f.pool.refresh();
      if (i % 5 == 0) i % 2 == 0 ? f.set(1, health_flag::ejected) : f.clear(1, health_flag::ejected);
      auto const c = f.picker.select();
      REQUIRE(c);
      ++count[c->number];
    }
    CHECK(count[0] > 1500);
  }
}

TEST_CASE("panic: explain says how many members are healthy, and what the threshold is") {
  fleet f{panic{round_robin{}, panic_action::all}, servers(10)};
  CHECK(f.picker.explain().notes.empty());
  for (std::size_t i = 3; i != 10; ++i) f.set(i, health_flag::down);
  auto const e = f.picker.explain();
  CHECK(e.notes == std::vector<std::string>{"panic: 3 of 10 healthy, threshold 50 %"});
  CHECK(e.text() ==
        "A was chosen by panic{round_robin, action=all} (weight 1, in_flight 0); "
        "panic: 3 of 10 healthy, threshold 50 %; 9 not asked.");
  f.set(9, health_flag::draining);
  CHECK_THAT(f.picker.explain().text(), ContainsSubstring("panic: 3 of 9 healthy, threshold 50 %") &&
                                            ContainsSubstring("J was refused: draining ("));
  fleet g{panic{round_robin{}, panic_action::fail, 33.5}, servers(3)};
  for (std::size_t i = 1; i != 3; ++i) g.set(i, health_flag::down);
  CHECK_THAT(g.picker.explain().text(),
             ContainsSubstring("no backend was chosen by panic{round_robin, action=fail, threshold=33.5}: all_down, "
                               "panic: 1 of 3 healthy, threshold 33.5 %"));
  fleet k{panic{round_robin{}, panic_action::last_known}, servers(4)};
  k.set(3, health_flag::down);
  k.next(1);
  k.set(0, health_flag::down), k.set(1, health_flag::down);
  auto const why = k.picker.explain();
  CHECK_THAT(why.text(), ContainsSubstring("panic: 1 of 4 healthy") && ContainsSubstring("D was refused: down"));
}

TEMPLATE_TEST_CASE("panic: explain names what the pick takes, in a panic and out of it", "", round_robin,
                   least_connections, maglev<>) {
  for (auto action : {panic_action::fail, panic_action::all, panic_action::last_known}) {
    rng d{5};
    fleet f{panic{TestType{}, action, 60}, weighted({3, 1, 2, 5, 1, 1, 4}), 2};
    check_explained_picks(f, d, [&](explanation const& explained, lease<server> const& got, bool none_excluded) {
      std::size_t healthy = 0, considered = 0;
      for (auto m : f.ids) {
        auto const flags = f.pool.health(m);
        healthy += flags == health_flag::none;
        considered += (flags & static_cast<health_flag>(0xFFFFFFF8)) == health_flag::none;
      }
      bool const is_on = considered != 0 && 100 * healthy < 60 * considered;
      REQUIRE(is_on == (!explained.notes.empty() || !explained.detail.empty()));
      if (got) {
        auto const flags = f.pool.health(got.id());
        REQUIRE(
            (is_on ? (flags & static_cast<health_flag>(0xFFFFFFF8)) == health_flag::none : flags == health_flag::none));
      } else if (is_on && action == panic_action::all && none_excluded) {
        FAIL("a panic found no backend");
      }
    });
  }
}

TEST_CASE("panic: within and around other compositions") {
  auto members = servers(6);
  for (std::size_t i = 3; i != 6; ++i) members[i].priority = 1;
  fleet each{failover{panic{round_robin{}, panic_action::all}}, members};
  each.set(0, health_flag::down), each.set(1, health_flag::down);
  CHECK(each.shares(300) == std::vector<std::size_t>{100, 100, 100, 0, 0, 0});  // in a panic, the level keeps its work
  fleet fails{failover{panic{round_robin{}, panic_action::fail}}, members};
  fails.set(0, health_flag::down), fails.set(1, health_flag::down);
  CHECK(fails.shares(300) == std::vector<std::size_t>{0, 0, 0, 100, 100, 100});  // or hands all of it on
  fleet known{any_policy{failover{any_policy{panic{round_robin{}, panic_action::last_known}}}}, members};
  known.set(0, health_flag::down);
  known.next(1);
  known.set(1, health_flag::down), known.set(2, health_flag::down);
  for (int round = 0; round != 3; ++round) {
    CHECK(known.shares(300) == std::vector<std::size_t>{0, 150, 150, 0, 0, 0});
    known.pool.refresh();
    known.join({{"X" + std::to_string(round), 1, 1}});
    known.ids.pop_back();
  }
  fleet all{panic{failover{round_robin{}}, panic_action::all}, members};
  all.set(0, health_flag::down);
  CHECK(all.shares(300)[0] == 0);
  for (std::size_t i = 1; i != 5; ++i) all.set(i, health_flag::down);
  CHECK(all.shares(300) == std::vector<std::size_t>{100, 100, 100, 0, 0, 0});
  fleet limited{panic{max_in_flight{round_robin{}, 1}, panic_action::all}, servers(3)};
  for (std::size_t i = 0; i != 3; ++i) limited.set(i, health_flag::down);
  std::vector<lease<server>> held;
  for (int i = 0; i != 3; ++i) held.push_back(limited.picker.acquire());
  for (auto const& l : held) CHECK(l);
  CHECK(limited.picker.acquire().error() == pick_error::all_saturated);
  fleet bound{panic{sticky{round_robin{}}, panic_action::all}, servers(3)};
  for (std::size_t i = 0; i != 3; ++i) bound.set(i, health_flag::down);
  bound.set(1, health_flag::draining);
  CHECK(name_or_error(bound.picker.select({.session = bound.ids[1]})) == "B");
}

TEST_CASE("panic: an empty pool and a pool that becomes empty are empty") {
  fleet f{panic{round_robin{}, panic_action::all}};
  CHECK(f.next(1) == "(empty)");
  f.join(servers(2));
  f.set(0, health_flag::down), f.set(1, health_flag::down);
  CHECK(f.next(2) == "AB");
  f.pool.remove(f.ids[0]), f.pool.remove(f.ids[1]);
  CHECK(f.next(1) == "(empty)");
}

TEST_CASE("panic refuses a threshold outside 0 … 100, and an action that there is not") {
  for (double bad : {-0.1, 100.1, 1e9, std::nan("")})
    CHECK_THROWS_WITH(panic(round_robin{}, panic_action::all, bad), ContainsSubstring("panic::threshold"));
  CHECK_THROWS_WITH(panic(round_robin{}, static_cast<panic_action>(7)), ContainsSubstring("panic::action 7"));
  CHECK_NOTHROW(panic(round_robin{}, panic_action::all, 100));
}

TEST_CASE("panic: policy_registry demands the action, and reads both parameters") {
  auto const registry = policy_registry::standard();
  for (std::string text : {"panic{round_robin, action=all}", "panic{maglev, action=last_known, threshold=30}",
                           "failover{panic{maglev, action=fail, threshold=0.5}}"})
    CHECK(registry.make(text).describe() == text);
  CHECK(registry.make("panic{round_robin, all, 20}").describe() == "panic{round_robin, action=all, threshold=20}");
  auto const why = [&](std::string_view text) {
    std::string w;
    CHECK(!registry.try_make(text, &w));
    return w;
  };
  CHECK_THAT(why("panic{round_robin}"), ContainsSubstring("needs its parameter action: panic{…, action=…}"));
  CHECK_THAT(why("panic{round_robin, action=any}"),
             ContainsSubstring("panic::action 'any' is not fail, all or last_known"));
  CHECK_THAT(why("panic{round_robin, action=all{1}}"), ContainsSubstring("panic::action 'all{…}' is not fail, all or"));
  CHECK_THAT(why("panic{round_robin, all, threshold=101}"), ContainsSubstring("panic::threshold 101 is outside 0"));
}

}  // namespace panic_test
