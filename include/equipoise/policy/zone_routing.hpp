// SPDX-License-Identifier: MIT
// How much of a caller's work stays in its own zone, and which zones get the rest, so that every backend has the same
// load although callers prefer their own zone. A computation without state, in parts of 10 000.
//
//   equipoise::zone_balance zones[] = {{.callers = 3, .backends = 3}, {.callers = 1, .backends = 3}};
//   std::uint32_t rest[2];
//   equipoise::route_by_zone(zones, 0, rest);  // 6666: three quarters of the callers have half of the backends
//
// Source: Envoy 1.40, "Zone aware routing". And from what its backends report, how much each zone should get at all:
// weigh_zones(). Source: Envoy 1.40, its policy "load aware locality".
#pragma once

#include <equipoise/core/array_view.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What is known of one zone.
struct zone_balance {
  std::uint64_t callers = 0;   ///< how many callers there are, or their share in any unit
  std::uint64_t backends = 0;  ///< how many healthy backends
};

/// Parts of the work are parts of this.
inline constexpr std::uint32_t all_work = 10'000;

/// Returns the part of its work that a caller of the zone `own` keeps there, of 10 000; 0 if `own` is no zone of the
/// list. Writes into `rest` how what does not stay is divided: each zone gets it in proportion to its number, which is
/// what the zone has left over. All of them 0: every zone gets the same, its own zone included. There are as many
/// numbers as zones. Wait-free; O(zones).
constexpr std::uint32_t route_by_zone(array_view<zone_balance const> zones, std::size_t own,
                                      array_view<std::uint32_t> rest) noexcept {
  std::uint64_t callers = 0, backends = 0;
  for (zone_balance const& z : zones) callers += z.callers, backends += z.backends;
  auto const part = [](std::uint64_t of, std::uint64_t all) {
    if (all == 0) return std::uint64_t{0};
    if (of <= ~std::uint64_t{0} / all_work) return all_work * of / all;
    return static_cast<std::uint64_t>(all_work * (static_cast<double>(of) / static_cast<double>(all)));
  };
  for (std::size_t i = 0; i != zones.size(); ++i) {
    std::uint64_t const wanted = zones[i].backends != 0 ? part(zones[i].callers, callers) : 0;
    std::uint64_t const offered = part(zones[i].backends, backends);
    rest[i] = i != own && offered > wanted ? static_cast<std::uint32_t>(offered - wanted) : 0;
  }
  if (own >= zones.size() || zones[own].backends == 0) return 0;
  std::uint64_t const wanted = part(zones[own].callers, callers), offered = part(zones[own].backends, backends);
  if (offered == 0) return 0;
  return offered >= wanted ? all_work : static_cast<std::uint32_t>(offered * all_work / wanted);
}

/// What the backends of one zone report.
struct zone_utilization {
  std::uint64_t backends = 0;  ///< how many healthy backends
  double utilization = 0;      ///< the mean of what they report, 0 … 1; not a number and less than 0 are read as 0
};

/// How zones are weighed.
struct zone_weight_rules {
  double most_over_others = 0.1;  ///< all work stays while the own utilization is no more than that above the others'
  double least_elsewhere = 0.03;  ///< the share that other zones get at least, so that their reports stay fresh
};

/// Weighs the zones by the room that their backends have left. Work is shared in proportion to the weights; there are
/// as many as zones. The zone `own` gets all of it while it is not much busier than the others, except for the least
/// share of these. If `own` is no zone of the list, no zone is preferred. If no backend has room, the weights are the
/// numbers of backends. Wait-free; O(zones).
constexpr void weigh_zones(array_view<zone_utilization const> zones, std::size_t own, zone_weight_rules const& rules,
                           array_view<double> weights) noexcept {
  auto const busy = [&](std::size_t i) { return zones[i].utilization > 0 ? zones[i].utilization : 0.0; };
  double total = 0, elsewhere = 0, work_elsewhere = 0;
  for (std::size_t i = 0; i != zones.size(); ++i) {
    auto const n = static_cast<double>(zones[i].backends);
    weights[i] = busy(i) < 1 ? n * (1 - busy(i)) : 0;
    total += weights[i];
    if (i != own && n > 0) elsewhere += n, work_elsewhere += n * busy(i);
  }
  if (own < zones.size() && elsewhere > 0) {
    if (weights[own] > 0 && busy(own) <= work_elsewhere / elsewhere + rules.most_over_others) {
      for (std::size_t i = 0; i != zones.size(); ++i) weights[i] = i == own ? 1 : 0;
      total = 1;
    }
    double const lack = total * rules.least_elsewhere - (total - weights[own]);
    for (std::size_t i = 0; i != zones.size() && total > 0 && lack > 0; ++i) {
      double const more = lack * static_cast<double>(zones[i].backends) / elsewhere;
      weights[i] = i != own ? weights[i] + more : weights[i] > lack ? weights[i] - lack : 0;
    }
  }
  if (total > 0) return;
  for (std::size_t i = 0; i != zones.size(); ++i) weights[i] = static_cast<double>(zones[i].backends);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
