// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/panic.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/weighted_random.hpp>
#include <equipoise/policy/zone_aware.hpp>

namespace zone_aware_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
// Of ten members, the first `near` are in the zone "here"; and so on.
std::vector<server> in_zones(std::vector<std::uint32_t> const& weights, std::size_t near) {
  auto all = weighted(weights);
  for (std::size_t i = 0; i != all.size(); ++i) all[i].zone = i % 10 < near ? "here" : i % 2 == 0 ? "there" : "";
  return all;
}
std::vector<server> in_zones(std::size_t n, std::size_t near) {
  return in_zones(std::vector<std::uint32_t>(n, 1), near);
}

// The share of n picks that stays in the zone.
template <class Fleet>
double staying(Fleet& f, std::vector<server> const& members, std::size_t n = 20'000) {
  std::size_t near = 0;
  for (std::uint64_t i = 0; i != n; ++i) {
    auto const c = select(f.picker, i);
    REQUIRE(c);
    near += members[c->number].zone == "here";
  }
  return static_cast<double>(near) / static_cast<double>(n);
}
}  // namespace

TEMPLATE_TEST_CASE("zone_aware: what stays is the zone's backends over its callers", "", round_robin, weighted_random,
                   maglev<>) {
  for (std::size_t n : {10u, 655u, 656u, 5000u})
    for (double share : {0.0, 0.2, 0.4, 0.8, 1.0}) {
      rng d{n};
      auto const members = in_zones(random_weights(d, n, 9), 4);
      fleet f{zone_aware{"here", TestType{}, share}, members, n};
      double here = 0, up = 0;
      for (std::size_t i = 0; i != n; ++i) {
        bool const is_up = n == 10 || random_below(d, 10) < (members[i].zone == "here" ? 2u : 4u);
        if (!is_up) f.set(i, health_flag::down);
        up += is_up, here += is_up && members[i].zone == "here";
      }
      double const right = share == 0 ? 1 : std::min(1.0, here / up / share);
      INFO(n << " members, share " << share);
      CHECK(staying(f, members) == Approx(right).margin(0.017));
      f.pool.refresh();
      CHECK(staying(f, members) == Approx(right).margin(0.017));
    }
}

TEST_CASE("zone_aware: inside and outside of the zone the members share by weight") {
  rng d{9};
  auto const weights = random_weights(d, 20, 9);
  auto const members = in_zones(weights, 3);
  fleet f{zone_aware{"here", smooth_weighted_round_robin{}, 0.5}, members, 2};
  for (std::size_t i : {1u, 5u, 14u}) f.set(i, health_flag::down);
  auto const count = f.shares(40'000);
  for (bool near : {true, false}) {
    std::vector<std::size_t> seen;
    std::vector<double> right;
    for (std::size_t i = 0; i != 20; ++i)
      if ((members[i].zone == "here") == near && f.pool.health(f.ids[i]) == health_flag::none)
        seen.push_back(count[i]), right.push_back(weights[i]);
    CHECK(chi_square(seen, right) < 1);
  }
}

TEST_CASE("zone_aware: with few backends or one zone, all are one group") {
  auto const members = in_zones(10, 4);
  for (auto const* zone : {"nowhere", ""}) {
    fleet f{zone_aware{zone, round_robin{}, 0.1}, members};
    CHECK(f.next(10) == "ABCDEFGHIJ");
  }
  fleet small{zone_aware{"here", round_robin{}, 0.1, 10}, members};
  CHECK(staying(small, members, 1000) == 1);
  small.set(9, health_flag::down);
  CHECK(staying(small, members, 900) == Approx(4 / 9.0).margin(0.01));
  auto const alone = in_zones(7, 10);
  fleet one{zone_aware{"here", round_robin{}}, alone};
  CHECK(one.next(7) == "ABCDEFG");
  fleet none{zone_aware{"here", round_robin{}}};
  CHECK(none.next(1) == "(empty)");
  none.join(members);
  CHECK(none.picker.select());
}

TEST_CASE("zone_aware: of any size, the last healthy member is found wherever it is") {
  for (std::size_t n : {1u, 2u, 10u, 655u, 656u, 5000u})
    for (std::size_t last : {std::size_t{0}, n - 1})
      for (std::int64_t least : {0, 6}) {
        auto const members = in_zones(n, 4);
        fleet f{zone_aware{"here", round_robin{}, 0.3, least}, members};
        for (std::size_t i = 0; i != n; ++i)
          if (i != last) f.set(i, health_flag::down);
        for (int round = 0; round != 2; ++round) {
          for (int i = 0; i != 30; ++i) REQUIRE(f.picker.select()->number == last);
          f.pool.refresh();
        }
        f.set(last, health_flag::down);
        CHECK(f.next(1) == "(all_down)");
      }
}

TEMPLATE_TEST_CASE("zone_aware: a key stays or leaves while health stays, and returns with it", "", maglev<>,
                   ring_hash<>) {
  auto const members = in_zones(60, 4);
  fleet f{zone_aware{"here", TestType{}, 0.6}, members};
  auto other = f.lb.make_picker();
  auto const before = f.owners(3000);
  for (std::uint64_t k = 0; k != 3000; ++k) REQUIRE(other.select(k).id() == before[k]);
  f.set(0, health_flag::down), f.set(1, health_flag::ejected);
  auto const during = f.owners(3000);
  for (auto id : during) REQUIRE(f.pool.health(id) == health_flag::none);
  f.pool.refresh();
  CHECK(f.owners(3000) == during);
  f.clear(0, health_flag::down), f.clear(1, health_flag::ejected);
  CHECK(f.owners(3000) == before);
}

TEST_CASE("zone_aware: a zone without a place hands its work on, and so do the others") {
  auto const members = in_zones(10, 4);
  fleet f{zone_aware{"here", max_in_flight{round_robin{}, 1}, 0.4}, members};
  std::vector<lease<server>> held;
  for (int i = 0; i != 10; ++i) {
    held.push_back(f.picker.acquire());
    REQUIRE(held.back());
    CHECK((members[held.back()->number].zone == "here") == (i < 4));
  }
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  held.clear();
  CHECK(f.picker.select({.excluded = f.ids}).error() == pick_error::all_excluded);
  fleet g{zone_aware{"here", round_robin{}, 1}, members};
  backend_id const out[] = {g.ids[4], g.ids[5], g.ids[6], g.ids[7], g.ids[8], g.ids[9]};
  for (int i = 0; i != 100; ++i) CHECK(members[g.picker.select({.excluded = out})->number].zone == "here");
}

TEST_CASE("zone_aware: explain says how much stays, and who is in another zone") {
  auto const members = in_zones(10, 4);
  fleet f{zone_aware{"here", round_robin{}, 0.8}, members, 2};
  auto const e = f.picker.explain();
  CHECK(e.notes ==
        std::vector<std::string>{"50.00 % of the work stays in its zone: 4 of 10 healthy backends are there"});
  CHECK_THAT(e.text(),
             ContainsSubstring("in another zone") || ContainsSubstring("in the own zone, which this pick leaves"));
  fleet all{zone_aware{"here", round_robin{}, 0.4}, members};
  CHECK(all.picker.explain().notes.empty());
  CHECK_THAT(all.picker.explain().text(), ContainsSubstring("; 6 in another zone"));
}

TEMPLATE_TEST_CASE("zone_aware: explain names what the pick takes", "", round_robin, least_connections, maglev<>) {
  rng d{6};
  auto const members = in_zones(random_weights(d, 10, 4), 4);
  fleet f{zone_aware{"here", TestType{}, 0.7, 3}, members, 2};
  check_explained_picks(f, d, [](auto const&...) {});
}

TEST_CASE("zone_aware: a neighbour that flaps leaves the shares within the zone as they are") {
  auto const members = in_zones({5, 3, 2, 4, 1, 1, 1, 1, 1, 1}, 4);
  fleet f{zone_aware{"here", smooth_weighted_round_robin{}, 0.6}, members, 3};
  std::vector<std::size_t> count(10);
  for (int i = 0; i != 20'000; ++i) {
    if (i % 3 == 0) i % 2 == 0 ? f.set(3, health_flag::down) : f.clear(3, health_flag::down);
    if (i % 7 == 0) f.pool.refresh();
    ++count[f.picker.select()->number];
  }
  for (std::size_t i : {1u, 2u})
    CHECK(static_cast<double>(count[i]) / members[i].weight ==
          Approx(static_cast<double>(count[0]) / members[0].weight).epsilon(0.1));
}

TEST_CASE("zone_aware: within and around other compositions, and by any_policy") {
  auto members = in_zones(20, 4);
  fleet f{any_policy{failover{any_policy{zone_aware{"here", any_policy{round_robin{}}, 0.4}}}}, members};
  CHECK(f.lb.policy().describe() == "failover{zone_aware{round_robin, zone=here, share=0.4}}");
  CHECK(staying(f, members, 1000) == 1);
  fleet p{panic{zone_aware{"here", round_robin{}, 0.4}, panic_action::all}, members};
  for (std::size_t i = 0; i != 20; ++i) p.set(i, health_flag::down);
  CHECK(p.picker.select());
}

TEST_CASE("zone_aware refuses a share outside 0 … 1 and a size outside 32 bits") {
  for (double bad : {-0.1, 1.1, std::nan("")})
    CHECK_THROWS_WITH(zone_aware("here", round_robin{}, bad), ContainsSubstring("zone_aware::share"));
  for (std::int64_t bad : {std::int64_t{-1}, std::int64_t{1} << 32})
    CHECK_THROWS_WITH(zone_aware("here", round_robin{}, 0.5, bad), ContainsSubstring("zone_aware::min_size"));
}

}  // namespace zone_aware_test
