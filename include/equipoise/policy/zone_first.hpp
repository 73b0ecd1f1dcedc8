// SPDX-License-Identifier: MIT
// Zone first: members of the caller's own zone, then the others. Traffic between zones costs time and money.
//
//   equipoise::balancer lb{pool, equipoise::zone_first{"eu-1a", equipoise::round_robin{}}};   // zone_of(server)
//   equipoise::zone_first{"eu-1a", equipoise::maglev{}, 0.7}   // only while 70 % of the own zone are up
//
// The own zone gets all the work as long as any member there may have it, and as long as the share of its weight that
// is up is not below the threshold. Below it, all members are one group, so that those that are left in the zone are
// not crushed. A zone without members is no zone: all members are one group. Each group has a table of its own, and a
// key is drawn afresh in each. Select: as the child's, for each group tried; O(members of the zone) in the first pick
// after a change of health, if there is a threshold.
#pragma once

#include <equipoise/policy/detail/zones.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
struct zone_weight {
  std::uint64_t weight = 0;  // of the zone
};
struct zone_health {
  std::uint64_t health = pick::unknown_health;  // pick::health_changes() when the zone was looked at
  bool is_up = false;                           // whether enough of it was up
};
}  // namespace detail

/// The members of one zone before all others. See the top of the header.
template <class P>
struct zone_first : detail::composition_by_zone<P, detail::zone_weight, detail::zone_health> {
  static constexpr std::string_view name = "zone_first";
  using base = detail::composition_by_zone<P, detail::zone_weight, detail::zone_health>;
  using table = typename base::table;
  using cursor = typename base::cursor;
  using pick_state = typename base::pick_state;
  using base::all, base::far, base::groups, base::near;

  std::string const zone;
  double const threshold;  ///< the least share of the zone's weight that is up, 0 … 1

  static constexpr parameter parameters[] = {
      {.name = "zone", .member = parameter_of<&zone_first::zone>},
      {.name = "threshold", .member = parameter_of<&zone_first::threshold>, .most = 1}};

  /// Fails if the threshold is outside 0 … 1.
  zone_first(std::string own_zone, P policy, double least_share_up = 0)
      : base{std::move(policy)}, zone{std::move(own_zone)}, threshold{least_share_up} {
    parameters[1].check(name, threshold);
  }

  /// Zones, what the child reads, and weights for the threshold.
  equipoise::attributes_read attributes_read() const noexcept {
    auto read = attributes_read_by(this->child);
    read.zone = true;
    read.weight = read.weight || threshold > 0;
    return read;
  }

  table build(members_view members, table const* before = nullptr) const {
    table t = base::build_groups(zone, members, before);
    for (member const& m : t.group[near].members) t.weight += m.weight;
    return t;
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    c.health = pick::unknown_health;
    base::start(t, c, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (s.at == groups) s.at = is_up(t, c, k) ? near : all;
    if (s.at != all) k.set_aside(t.group[far].members, s.at == near ? "in another zone" : nullptr);
    proposal const p = this->next(t, c, s, k, key);
    if (p.candidate != nullptr || s.at != near) [[likely]]
      return p;
    s.child = {};
    s.at = far;
    k.set_aside(t.group[far].members, nullptr);
    proposal const q = this->next(t, c, s, k, key);
    return q.candidate == nullptr && q.error() < p.error() ? p : q;
  }

 private:
  // Whether the zone gets the work. Takes the pick by value: its address would keep it in memory.
  bool is_up(table const& t, cursor& c, pick k) const noexcept {
    if (t.weight == 0) return false;
    if (threshold == 0) return true;
    std::uint64_t const health = k.health_changes();
    if (c.health == health) return c.is_up;
    std::uint64_t up = 0;
    for (member const& m : t.group[near].members) up += k.is_eligible(m) ? m.weight : 0;
    c.is_up = static_cast<double>(up) >= threshold * static_cast<double>(t.weight);
    c.health = k.ordinary() ? health : pick::unknown_health;  // what a retry or a mask sees holds for that pick alone
    return c.is_up;
  }
};

template <class P>
zone_first(std::string, P) -> zone_first<P>;
template <class P>
zone_first(std::string, P, double) -> zone_first<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
