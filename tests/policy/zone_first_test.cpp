// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/zone_first.hpp>

namespace zone_first_test {
using namespace equipoise;

namespace {
// Members of three zones in turn: A north, B south, C none, D north, …
std::vector<server> in_zones(std::size_t n) {
  auto all = servers(n);
  for (std::size_t i = 0; i != n; ++i) all[i].zone = i % 3 == 0 ? "north" : i % 3 == 1 ? "south" : "";
  return all;
}
}  // namespace

TEST_CASE("zone_first: the own zone has all the work while any member there may have it") {
  fleet f{zone_first{"north", round_robin{}}, in_zones(9)};
  CHECK(f.next(6) == "ADGADG");
  f.set(0, health_flag::down), f.set(3, health_flag::down);
  for (int round = 0; round != 2; ++round) {
    CHECK(f.next(3) == "GGG");
    f.pool.refresh();
  }
  f.set(6, health_flag::down);
  auto const count = f.shares(600);
  for (std::size_t i = 0; i != 9; ++i) CHECK(count[i] == (i % 3 == 0 ? 0 : 100));
  f.clear(6, health_flag::down);
  CHECK(f.next(3) == "GGG");
}

TEST_CASE("zone_first: without a zone, or without members in it, all are one group") {
  for (auto const* zone : {"west", ""}) {
    fleet f{zone_first{zone, round_robin{}}, in_zones(6)};
    CHECK(f.next(6) == "ABCDEF");
  }
  fleet none{zone_first{"north", round_robin{}}};
  CHECK(none.next(1) == "(empty)");
  none.join(in_zones(3));
  CHECK(none.next(2) == "AA");
}

TEST_CASE("zone_first: below the threshold all members share the work") {
  fleet f{zone_first{"north", round_robin{}, 0.5}, in_zones(12)};  // four in the north
  for (std::size_t i : {0u, 3u}) f.set(i, health_flag::down);
  CHECK(f.shares(100)[6] == 50);
  f.set(6, health_flag::down);  // one of four is left
  for (int round = 0; round != 2; ++round) {
    auto const count = f.shares(900);
    for (std::size_t i = 0; i != 12; ++i) CHECK((i == 0 || i == 3 || i == 6 ? count[i] == 0 : count[i] == 100));
    f.pool.refresh();
  }
  f.clear(6, health_flag::down);
  f.pool.refresh();
  auto const count = f.shares(100);
  CHECK(count[6] == 50);
  CHECK(count[9] == 50);
}

TEST_CASE("zone_first: the zone of a member may change") {
  fleet f{zone_first{"north", round_robin{}}, in_zones(3)};
  CHECK(f.next(2) == "AA");
  f.pool.update(f.ids[0], {.zone = "south"});
  f.pool.update(f.ids[2], {.zone = "north"});
  CHECK(f.next(2) == "CC");
}

TEST_CASE("zone_first: keys keep their owners in the zone, and elsewhere while it is down") {
  auto const check = [](auto policy) {
    fleet f{zone_first{"south", policy}, in_zones(30)};
    auto const before = f.owners(500);
    for (auto id : before) CHECK((id == f.ids[1] || (id.slot != 0 && f.pool.zone_name(2) == "south")));
    for (std::size_t i = 1; i < 30; i += 3) f.set(i, health_flag::down);
    auto const outside = f.owners(500);
    for (std::size_t i = 0; i != 500; ++i) REQUIRE(outside[i] != before[i]);
    f.pool.refresh();
    CHECK(f.owners(500) == outside);
    for (std::size_t i = 1; i < 30; i += 3) f.clear(i, health_flag::down);
    CHECK(f.owners(500) == before);
  };
  check(maglev{});
  check(ring_hash{});
  check(bounded_load{maglev{}});
}

TEST_CASE("zone_first: works within and around other compositions, and by any_policy") {
  auto members = in_zones(6);
  members[0].priority = 1;
  fleet f{failover{zone_first{"north", least_connections{}}}, members};
  CHECK(f.next(2) == "DD");
  f.set(3, health_flag::down);
  CHECK(f.next(1) != "A");
  fleet g{zone_first{"north", failover{round_robin{}}}, members};
  CHECK(g.next(2) == "DD");
  g.set(3, health_flag::down);
  CHECK(g.next(2) == "AA");
  fleet h{any_policy{zone_first{"north", any_policy{round_robin{}}}}, members};
  CHECK(h.next(4) == "ADAD");
  CHECK(h.picker.explain().policy == "zone_first{round_robin, zone=north}");
}

TEST_CASE("zone_first refuses a threshold outside 0 … 1, naming field and value") {
  for (double bad : {-0.1, 1.1, std::nan("")})
    CHECK_THROWS_WITH(zone_first("north", round_robin{}, bad),
                      Catch::Matchers::ContainsSubstring("zone_first::threshold"));
  CHECK_NOTHROW(zone_first("north", round_robin{}, 1));
}

}  // namespace zone_first_test
