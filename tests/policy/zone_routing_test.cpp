// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/zone_routing.hpp>

namespace zone_routing_test {
using namespace equipoise;

namespace {
struct route {
  std::uint32_t stays;
  std::vector<std::uint32_t> rest;
  friend bool operator==(route const&, route const&) = default;
};
route route_of(std::vector<zone_balance> const& zones, std::size_t own) {
  route r{0, std::vector<std::uint32_t>(zones.size())};
  r.stays = route_by_zone(zones, own, r.rest);
  return r;
}
}  // namespace

TEST_CASE("zone_routing: all work stays while the zone has its part of the backends") {
  CHECK(route_of({{2, 3}, {2, 3}}, 0).stays == all_work);
  CHECK(route_of({{1, 3}, {3, 3}}, 0).stays == all_work);
  CHECK(route_of({{3, 3}, {1, 3}}, 0) == route{6666, {0, 2500}});
  CHECK(route_of({{4, 2}, {4, 4}, {2, 2}}, 0) == route{6250, {0, 1000, 500}});
}

TEST_CASE("zone_routing: what a zone lacks goes to the zones that have something left over") {
  auto const r = route_of({{7, 1}, {2, 5}, {0, 2}}, 0);
  CHECK(r.stays == 1250 * 10'000u / 7777);
  CHECK(r.rest == std::vector<std::uint32_t>{0, 6250 - 2222, 2500});
}

TEST_CASE("zone_routing: a zone without backends, or that is not in the list, keeps nothing") {
  CHECK(route_of({{1, 0}, {1, 4}}, 0) == route{0, {0, 5000}});
  CHECK(route_of({{1, 3}, {0, 4}}, 2).stays == 0);
  CHECK(route_of({}, 0).stays == 0);
  CHECK(route_of({{5, 0}, {5, 0}}, 0) == route{0, {0, 0}});
  CHECK(route_of({{0, 5}, {0, 5}}, 0).stays == all_work);  // nothing is known of the callers
}

TEST_CASE("zone_routing: every backend of a fleet gets the same, if its zone can be reached") {
  rng d{4};
  for (int i = 0; i != 20'000; ++i) {
    std::size_t const n = 1 + random_below(d, 6);
    std::vector<zone_balance> zones(n);
    double callers = 0, backends = 0;
    std::uint64_t const scale = random_below(d, 20) == 0 ? 1'000'000'000'000'000 : 1;
    for (auto& z : zones) {
      z = {(1 + random_below(d, 40)) * scale, (1 + random_below(d, 40)) * scale};
      callers += static_cast<double>(z.callers), backends += static_cast<double>(z.backends);
    }
    std::vector<double> load(n);
    for (std::size_t own = 0; own != n; ++own) {
      auto const r = route_of(zones, own);
      REQUIRE(r.stays <= all_work);
      REQUIRE(r.rest[own] == 0);
      double const part = static_cast<double>(zones[own].callers) / callers, stays = r.stays / double{all_work};
      double sum = 0;
      for (auto x : r.rest) sum += x;
      load[own] += part * stays;
      for (std::size_t z = 0; z != n && stays < 1; ++z)
        load[z] += part * (1 - stays) * (sum > 0 ? r.rest[z] / sum : 1.0 / static_cast<double>(n));
    }
    for (std::size_t z = 0; z != n; ++z)
      REQUIRE(load[z] == Approx(static_cast<double>(zones[z].backends) / backends).margin(0.002));
  }
}

namespace {
std::vector<double> weights_of(std::vector<zone_utilization> const& zones, std::size_t own,
                               zone_weight_rules const& rules = {}) {
  std::vector<double> weights(zones.size());
  weigh_zones(zones, own, rules, weights);
  double sum = 0;
  for (double w : weights) sum += w;
  if (sum > 0)
    for (double& w : weights) w /= sum;
  return weights;
}
}  // namespace

TEST_CASE("zone_routing: zones are weighed by the room that their backends have left") {
  auto const w = weights_of({{2, 0.5}, {4, 0.75}, {3, 1.2}}, 3);
  CHECK(w[0] == Approx(0.5));
  CHECK(w[1] == Approx(0.5));
  CHECK(w[2] == 0);
  CHECK(weights_of({{2, 1}, {6, 1.5}}, 2) == std::vector<double>{0.25, 0.75});
  CHECK(weights_of({{2, -1}, {6, std::nan("")}}, 2) == std::vector<double>{0.25, 0.75});
}

TEST_CASE("zone_routing: a zone keeps its work while it is not much busier than others") {
  auto const calm = weights_of({{2, 0.55}, {2, 0.5}, {1, 0.5}}, 0);
  CHECK(calm[0] == Approx(0.97));
  CHECK(calm[1] == Approx(0.02));
  CHECK(calm[2] == Approx(0.01));
  auto const busy = weights_of({{2, 0.9}, {2, 0.5}}, 0);
  CHECK(busy[0] == Approx(0.2 / 1.2));
  CHECK(weights_of({{2, 0.9}, {0, 0}}, 0) == std::vector<double>{1, 0});
  CHECK(weights_of({{2, 1.5}}, 0) == std::vector<double>{1});
  auto const probed = weights_of({{1, 0.1}, {1, 0.9}}, 0, {.least_elsewhere = 0.2});
  CHECK(probed[1] == Approx(0.2));
}

}  // namespace zone_routing_test
