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

#include <equipoise/core/array.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/composition.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The members of one zone before all others. See the top of the header.
template <class P>
struct zone_first : with_key_of<P> {
  static constexpr std::string_view name = "zone_first";
  static_assert(check_policy<P>());
  using driver = policy_driver<P>;

  P child;
  std::string const zone;
  double const threshold;  ///< the least share of the zone's weight that is up, 0 … 1

  static constexpr parameter parameters[] = {
      {.name = "zone", .member = parameter_of<&zone_first::zone>},
      {.name = "threshold", .member = parameter_of<&zone_first::threshold>, .most = 1}};

  /// The groups of members: those of the zone, the others, and all.
  enum group : std::size_t { near, far, all, groups };

  struct members_of_group {
    detail::array<member> members;  // the healthy ones first; empty for `all`, which has the whole view
    typename driver::table child;
  };
  struct table {
    members_of_group group[groups];
    std::uint64_t weight = 0;  // of the zone
  };
  struct cursor {
    typename driver::cursor child[groups]{};
    std::uint64_t health = pick::unknown_health;  // pick::health_changes() when the zone was looked at
    bool is_up = false;                           // whether enough of it was up
  };
  struct pick_state {
    typename driver::pick_state child;
    std::uint8_t at = groups;  // the group that is asked
  };

  /// Fails if the threshold is outside 0 … 1.
  zone_first(std::string own_zone, P policy, double least_share_up = 0)
      : child{std::move(policy)}, zone{std::move(own_zone)}, threshold{least_share_up} {
    parameters[1].check(name, threshold);
  }

  /// Zones, what the child reads, and weights for the threshold.
  equipoise::attributes_read attributes_read() const noexcept {
    auto read = attributes_read_by(child);
    read.zone = true;
    read.weight = read.weight || threshold > 0;
    return read;
  }

  table build(members_view members) const {
    table t;
    std::size_t healthy[2] = {0, 0}, count[2] = {0, 0};
    auto const group_of = [&](member const& m) { return !zone.empty() && members.zone_name(m) == zone ? near : far; };
    for (member const& m : members) ++healthy[group_of(m)];
    for (member const& m : members.with_unhealthy()) ++count[group_of(m)];
    for (std::size_t g : {near, far}) t.group[g].members = detail::array<member>::with_room(count[g]);
    for (member const& m : members.with_unhealthy()) t.group[group_of(m)].members.append(m);
    for (member const& m : t.group[near].members) t.weight += m.weight;
    for (std::size_t g : {near, far})
      t.group[g].child = driver::build(child, members.narrowed(t.group[g].members, healthy[g]));
    t.group[all].child = driver::build(child, members);
    return t;
  }
  cursor make_cursor() const {
    cursor c;
    for (auto& of_group : c.child) of_group = driver::make_cursor(child);
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept {
    for (std::size_t g = 0; g != groups; ++g) driver::remember(child, t.group[g].child, c.child[g]);
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    c.health = pick::unknown_health;
    for (std::size_t g = 0; g != groups; ++g) driver::start(child, t.group[g].child, c.child[g], random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (s.at == groups) s.at = is_up(t, c, k) ? near : all;
    proposal const p = next(t, c, s, k, key);
    if (p.candidate != nullptr || s.at != near) [[likely]]
      return p;
    s.child = {};
    s.at = far;
    proposal const q = next(t, c, s, k, key);
    return q.candidate == nullptr && q.error() < p.error() ? p : q;
  }

 private:
  EQUIPOISE_INLINE proposal next(table const& t, cursor& c, pick_state& s, pick const& k,
                                 key_of_policy<P> const& key) const noexcept {
    auto const& its = t.group[s.at].child;
    if (s.at != all) k.set_aside(t.group[far].members, s.at == near ? "in another zone" : nullptr);
    return driver::next(child, its, c.child[s.at], s.child, k.over(its.members), derived(key, s.at));
  }

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
