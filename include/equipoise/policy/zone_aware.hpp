// SPDX-License-Identifier: MIT
// Zone aware: as much work as possible stays in the caller's own zone, but no more than keeps all backends equally
// loaded. If a third of the callers share a half of the backends, all of it stays; the other way round, two thirds do.
//
//   equipoise::balancer lb{pool, equipoise::zone_aware{"eu-1a", equipoise::round_robin{}, 0.5}};  // zone_of(server)
//
// The last argument is the share of the callers of all zones that are in this zone, 0 … 1: count the instances of your
// service. With the preset 1 nothing is known of the other zones, and the zone gets no more than its backends' part of
// the work. What does not stay goes to the other zones in proportion to their backends, as if the other callers were
// spread as these are. Below `min_size` healthy backends in all, all of them are one group.
//
// By numbers of healthy members, not by weight, as in Envoy. A key stays in the zone or leaves it, as long as health
// stays; for other policies each pick draws. If the zone it drew has no backend for the pick, the other one follows.
// Select: as the child's; O(members) in the first pick after a change of health. Source: Envoy's zone aware routing
// (zone_routing.hpp).
#pragma once

#include <equipoise/policy/detail/zones.hpp>
#include <equipoise/policy/zone_routing.hpp>

#include <cstdio>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
struct zone_route {
  random_source draw;
  bool is_seeded = false;
  std::uint64_t health = pick::unknown_health;  // pick::health_changes() when the route was computed
  std::uint64_t steady = pick::unknown_health;  // the same, if all picks ask the same group
  std::uint32_t stays = 0;                      // of 10 000
  bool is_off = false;                          // whether all members are one group
};
struct zone_order {
  bool is_second = false;  // whether the first group has no member any more
};
}  // namespace detail

/// The caller's zone first, as far as that overloads no backend. See the top of the header.
template <class P>
struct zone_aware : detail::composition_by_zone<P, detail::nothing_more, detail::zone_route, detail::zone_order> {
  static constexpr std::string_view name = "zone_aware";
  using base = detail::composition_by_zone<P, detail::nothing_more, detail::zone_route, detail::zone_order>;
  using table = typename base::table;
  using cursor = typename base::cursor;
  using pick_state = typename base::pick_state;
  using base::all, base::far, base::groups, base::near;

  std::string const zone;
  double const share;            ///< the callers in the zone, as a share of all callers, 0 … 1
  std::uint32_t const min_size;  ///< the least number of healthy backends

  static constexpr parameter parameters[] = {
      {.name = "zone", .member = parameter_of<&zone_aware::zone>},
      {.name = "share", .member = parameter_of<&zone_aware::share>, .preset = 1, .most = 1},
      {.name = "min_size", .member = parameter_of<&zone_aware::min_size>, .preset = 6}};

  /// Fails if the share is outside 0 … 1, or the least number outside 0 … 4 294 967 295.
  zone_aware(std::string own_zone, P policy, double share_of_callers = 1, std::int64_t least_backends = 6)
      : base{std::move(policy)}, zone{std::move(own_zone)}, share{share_of_callers},
        min_size{static_cast<std::uint32_t>(least_backends)}, draws_by_key_{keyed<P> && needs_key(this->child)} {
    parameters[1].check(name, share);
    parameters[2].check(name, least_backends);
  }

  /// Zones, and what the child reads.
  equipoise::attributes_read attributes_read() const noexcept {
    auto read = attributes_read_by(this->child);
    read.zone = true;
    return read;
  }

  table build(members_view members, table const* before = nullptr) const {
    return base::build_groups(zone, members, before);
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    if (!std::exchange(c.is_seeded, true)) c.draw = random_source{random_source{random}.next(), 2};
    c.health = c.steady = pick::unknown_health;
    base::start(t, c, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (s.at == groups) {
      bool const is_steady = k.health_changes() == c.steady && !k.is_explained();
      s.at = !is_steady ? drawn(t, c, k, key) : c.is_off ? std::uint8_t{all} : std::uint8_t{near};
    }
    proposal const p = this->next(t, c, s, k, key);
    if (p.candidate != nullptr || s.at == all || s.is_second) [[likely]]
      return p;
    s.child = {};
    s.is_second = true;
    s.at = s.at == near ? far : near;
    k.set_aside(t.group[s.at].members, nullptr);
    proposal const q = this->next(t, c, s, k, key);
    return q.candidate == nullptr && q.error() < p.error() ? p : q;
  }

 private:
  // The group that the key has, or that is drawn. The key is drawn anew, so that its group and its owner there are
  // independent. Takes the pick by value, as the next: its address would keep it in memory.
  EQUIPOISE_OUT_OF_LINE std::uint8_t drawn(table const& t, cursor& c, pick k, key_of_policy<P> key) const noexcept {
    if (k.health_changes() != c.health) compute(t, c, k);
    if (c.is_off) return all;
    std::uint64_t const draw = draws_by_key_ ? mix(detail::hash_of_key(key) + golden_gamma) : c.draw.next();
    bool const stays = multiply_high(draw, all_work) < c.stays;
    if (k.is_explained()) tell(t, c, stays, k);
    return stays ? near : far;
  }

  static std::uint32_t healthy_in(array_view<member const> members, pick const& k) noexcept {
    std::uint32_t n = 0;
    for (member const& m : members) n += k.passes(m, admission::new_work);
    return n;
  }
  void compute(table const& t, cursor& c, pick const& k) const noexcept {
    c.health = k.health_changes();
    auto const& own = t.group[near].members;
    auto const& others = t.group[far].members;
    std::uint32_t const here = healthy_in(own, k), elsewhere = healthy_in(others, k);
    auto const callers = (static_cast<std::uint64_t>(2 * share * all_work) + 1) / 2;  // rounded
    zone_balance const zones[] = {{callers, here}, {all_work - callers, elsewhere}};
    std::uint32_t rest[2];
    c.stays = route_by_zone(zones, 0, rest);
    c.is_off = own.empty() || others.empty() || std::uint64_t{here} + elsewhere < min_size;
    c.steady = c.is_off || c.stays == all_work ? c.health : pick::unknown_health;
  }

  void tell(table const& t, cursor const& c, bool stays, pick const& k) const noexcept {
    k.set_aside(t.group[near].members, stays ? nullptr : "in the own zone, which this pick leaves");
    k.set_aside(t.group[far].members, stays ? "in another zone" : nullptr);
    if (c.stays == all_work) return;
    char text[160];
    std::snprintf(text, sizeof text, "%u.%02u %% of the work stays in its zone: %u of %u healthy backends are there",
                  c.stays / 100, c.stays % 100, healthy_in(t.group[near].members, k),
                  healthy_in(t.group[near].members, k) + healthy_in(t.group[far].members, k));
    k.noted(text);
  }

  bool draws_by_key_;
};

template <class P>
zone_aware(std::string, P) -> zone_aware<P>;
template <class P>
zone_aware(std::string, P, double) -> zone_aware<P>;
template <class P>
zone_aware(std::string, P, double, std::int64_t) -> zone_aware<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
