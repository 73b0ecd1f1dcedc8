// SPDX-License-Identifier: MIT
// How work spreads over levels of priority: each level takes as much as its healthy members can carry, and the rest
// goes on to the next one. A computation without state, in whole percent as Envoy has it.
//
//   equipoise::priority_health levels[] = {{.members = 10, .healthy = 5}, {.members = 10, .healthy = 10}};
//   equipoise::priority_load loads[2];
//   equipoise::spread_over_priorities(levels, {}, loads);  // 70 % and 30 %: half of ten, times 1.4
//
// Source: Envoy 1.40, "Priority levels", "Degraded endpoints" and "Panic threshold".
#pragma once

#include <equipoise/core/array_view.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What is known of the members of one level.
struct priority_health {
  std::uint64_t members = 0;    ///< all of them
  std::uint64_t excluded = 0;   ///< of them, those that count neither as healthy nor as unhealthy
  std::uint64_t healthy = 0;    ///< of the others, those that are healthy
  std::uint64_t degraded = 0;   ///< and those that are a last reserve
  std::uint64_t taken_out = 0;  ///< unhealthy members that count for the load, but not for a panic

  /// Sums of weights in place of the counts, for the load alone; used if `weight` is not 0.
  /// @{
  std::uint64_t weight = 0, healthy_weight = 0, degraded_weight = 0;
  /// @}
};

/// How work spreads.
struct priority_rules {
  std::uint32_t overprovisioning = 140;  ///< percent: how much more than its share a healthy member can carry
  double panic_threshold = 50;           ///< percent of members healthy below which a level is in a panic; 0 is never
};

/// What one level gets.
struct priority_load {
  std::uint32_t healthy = 0;   ///< percent of all work, for its healthy members
  std::uint32_t degraded = 0;  ///< percent of all work, for its degraded members
  bool in_panic = false;       ///< whether its unhealthy members get work too

  friend bool operator==(priority_load const&, priority_load const&) = default;
};

namespace detail {

// min(100, percent · part / all).
constexpr std::uint64_t percent_of(std::uint64_t percent, std::uint64_t part, std::uint64_t all) noexcept {
  if (all == 0) return 0;
  double const most = 100.0 * static_cast<double>(all);
  if (static_cast<double>(percent) * static_cast<double>(part) >= most) return 100;
  return percent * part / all;
}

// Deals `left` among the levels in order, each up to its health / total. Returns the first level with any health; n if
// there is none.
template <class Health, class Load>
constexpr std::size_t deal_load(std::size_t n, std::uint64_t total, std::uint32_t& left, Health health, Load load) {
  std::size_t first = n;
  for (std::size_t i = 0; i != n; ++i) {
    if (first == n && health(i) != 0) first = i;
    auto const share = static_cast<std::uint32_t>(health(i) * 100 / total);
    load(i) = share < left ? share : left;
    left -= load(i);
  }
  return first;
}

}  // namespace detail

/// Computes the loads of the levels, which are in order of priority; there are as many loads as levels. The loads are
/// whole percent and add up to 100, unless there is no level. If no level has any health, but not all are in a panic,
/// the loads stay as they were, or the first level gets 100 if they were all 0. Wait-free; O(levels).
constexpr void spread_over_priorities(array_view<priority_health const> levels, priority_rules const& rules,
                                      array_view<priority_load> loads) noexcept {
  std::size_t const n = levels.size();
  if (n == 0) return;
  auto const health_of = [&](std::size_t i, bool degraded) {
    priority_health const& l = levels[i];
    if (l.members <= l.excluded) return std::uint64_t{0};
    if (l.weight != 0)
      return detail::percent_of(rules.overprovisioning, degraded ? l.degraded_weight : l.healthy_weight, l.weight);
    return detail::percent_of(rules.overprovisioning, degraded ? l.degraded : l.healthy, l.members - l.excluded);
  };
  std::uint64_t total = 0;
  for (std::size_t i = 0; i != n; ++i) total += health_of(i, false) + health_of(i, true);
  if (total > 100) total = 100;

  for (priority_load& l : loads) l.in_panic = false;
  if (total != 0) {
    std::uint32_t left = 100;
    std::size_t const healthy = detail::deal_load(
        n, total, left, [&](std::size_t i) { return health_of(i, false); },
        [&](std::size_t i) -> std::uint32_t& { return loads[i].healthy; });
    std::size_t const degraded = detail::deal_load(
        n, total, left, [&](std::size_t i) { return health_of(i, true); },
        [&](std::size_t i) -> std::uint32_t& { return loads[i].degraded; });
    if (healthy != n)
      loads[healthy].healthy += left;  // what rounding left over
    else
      loads[degraded].degraded += left;
  } else {
    std::uint32_t sum = 0;
    for (priority_load const& l : loads) sum += l.healthy + l.degraded;
    if (sum == 0) loads[0].healthy = 100;
  }
  if (total == 100 || rules.panic_threshold <= 0) {
    if (total != 0) return;
    for (priority_load& l : loads) l = {};
    loads[0].healthy = 100;
    return;
  }

  bool everywhere = true;
  std::uint64_t members = 0;
  for (std::size_t i = 0; i != n; ++i) {
    priority_health const& l = levels[i];
    std::uint64_t const out = l.excluded + l.taken_out;
    double const considered = l.members > out ? static_cast<double>(l.members - out) : 0;
    double const percent = considered == 0 ? 0
                                           : 100.0 * static_cast<double>(l.healthy) / considered +
                                                 100.0 * static_cast<double>(l.degraded) / considered;
    loads[i].in_panic = percent < rules.panic_threshold;
    everywhere = everywhere && loads[i].in_panic;
    members += l.members;
  }
  if (!everywhere) return;
  std::uint32_t left = 100;
  std::size_t first = n;
  for (std::size_t i = 0; i != n; ++i) {
    auto const share = members == 0 ? 0 : static_cast<std::uint32_t>(100 * levels[i].members / members);
    loads[i].healthy = share;
    loads[i].degraded = 0;
    left -= share;
    if (first == n && levels[i].members != 0) first = i;
  }
  loads[first == n ? 0 : first].healthy += left;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
