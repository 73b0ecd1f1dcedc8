// SPDX-License-Identifier: MIT
// Zone weighted: each zone gets its share of the work by a weight, less if its backends are not healthy.
//
//   equipoise::balancer lb{pool, equipoise::zone_weighted{"eu=3, us=1", equipoise::maglev{}}};  // zone_of(server)
//
// A healthy member can carry 1.4 times its usual share (the overprovisioning factor). So a zone keeps its whole weight
// while 72 % of its members are healthy; with a half of them it counts 70 % of it. Members that drain or are in
// maintenance do not count, on either side. A zone of weight 0, or one that the text does not name, gets work only if
// no other zone has a backend for the pick. With an empty text a zone weighs what its members weigh together.
//
// A key has one zone as long as weights and health stay; for other policies each pick draws. When the parts change,
// keys move between zones, up to twice as many as must. If the zone has no backend for the pick, the others follow in
// the order of the text. At most 16 zones. Select: as the child's; O(members) in the first pick after a change of
// health. Source: Envoy's locality weighted load balancing, which draws zones by a schedule instead of chance.
#pragma once

#include <equipoise/core/algorithm.hpp>
#include <equipoise/core/array.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/composition.hpp>
#include <equipoise/policy/detail/label_text.hpp>
#include <equipoise/policy/detail/panic_tables.hpp>

#include <array>
#include <cstdio>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

inline constexpr std::size_t most_weighted_zones = 16;

inline std::optional<std::uint32_t> weight_in(std::string_view text) noexcept {
  std::uint64_t value = 0;
  for (char const c : text) {
    if (c < '0' || c > '9' || value > 0xFFFFFFFF) return {};
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (text.empty() || value > 0xFFFFFFFF) return {};
  return static_cast<std::uint32_t>(value);
}

// What is wrong with a text of zones and weights; empty for nothing.
inline std::string mistake_in_zone_weights(std::string_view weights) {
  std::string_view seen[most_weighted_zones];
  std::size_t n = 0;
  std::string why;
  each_label(weights, [&](std::string_view zone, std::string_view text, bool has_value) {
    auto const refuse = [&](std::string_view what) {
      why = joined({"'", zone, has_value ? "=" : "", text, "' ", what});
      return false;
    };
    if (!has_value || !weight_in(text)) return refuse("is not a zone and a weight of 0 … 4294967295");
    for (std::size_t i = 0; i != n; ++i)
      if (seen[i] == zone) return refuse("names the zone again");
    if (n == most_weighted_zones) return refuse("is one zone more than the 16 that there may be");
    seen[n++] = zone;
    return true;
  });
  return why;
}

}  // namespace detail

/// Zones share the work by their weights and their health. See the top of the header.
template <class P>
struct zone_weighted : with_key_of<P> {
  static constexpr std::string_view name = "zone_weighted";
  static constexpr std::uint32_t most_zones = detail::most_weighted_zones;
  static_assert(check_policy<P>());
  using driver = policy_driver<P>;

  P child;
  std::string const weights;             ///< "zone=weight, zone=weight"
  std::uint32_t const overprovisioning;  ///< percent: how much of its usual share a healthy member can carry

  static constexpr parameter parameters[] = {{.name = "weights",
                                              .member = parameter_of<&zone_weighted::weights>,
                                              .mistake_of = detail::mistake_in_zone_weights},
                                             {.name = "overprovisioning",
                                              .member = parameter_of<&zone_weighted::overprovisioning>,
                                              .preset = 140,
                                              .least = 100,
                                              .most = 100'000}};

  struct zone {
    std::string name;
    double weight = 0;
    std::uint32_t number = 0;       // of its own, so that a key's owners in two zones are independent
    detail::array<member> members;  // the healthy ones first
    typename driver::table child;
  };
  struct table {
    detail::array<zone> zones;  // those that have members: as in the text, then the others
  };
  struct cursor {
    random_source draw;
    bool is_seeded = false;
    std::uint64_t health = pick::unknown_health;    // pick::health_changes() when the shares were computed
    std::uint64_t steady = pick::unknown_health;    // the same, if one zone has all the work
    std::uint32_t only = 0;                         // that zone
    std::array<std::uint64_t, most_zones> up_to{};  // of 2^32: where a zone's part ends
    std::array<typename driver::cursor, most_zones> child{};
  };
  struct pick_state {
    typename driver::pick_state child;
    std::uint32_t at = most_zones, first = 0, next = 0;  // the zone that is asked; the first one; the next one
  };

  /// Fails if the text is not of zones and weights of 0 … 4 294 967 295, or overprovisioning outside 100 … 100 000.
  zone_weighted(std::string zone_weights, P policy, std::int64_t carried = 140)
      : child{std::move(policy)}, weights{std::move(zone_weights)},
        overprovisioning{static_cast<std::uint32_t>(carried)}, draws_by_key_{keyed<P> && needs_key(child)} {
    parameters[1].check(name, carried);
    if (std::string const why = parameters[0].mistake_in_text(name, weights); !why.empty()) fail(why);
  }

  /// Zones, and what the child reads.
  equipoise::attributes_read attributes_read() const noexcept {
    auto read = attributes_read_by(child);
    read.zone = true;
    return read;
  }

  table build(members_view members, table const* before = nullptr) const {
    table t;
    detail::array<std::string_view> names = names_of(members);
    if (names.size() > most_zones) {
      members.refuse("equipoise: zone_weighted: the members are in " + std::to_string(names.size()) +
                     " zones, and there may be 16");
      return t;
    }
    if (names.empty()) {  // the child may know bound sessions
      names = detail::array<std::string_view>::with_room(1);
      names.append(std::string_view{});
    }
    t.zones = detail::array<zone>::with_room(names.size());
    for (std::string_view const zone_name : names) t.zones.append(build_zone(zone_name, members, before));
    return t;
  }
  cursor make_cursor() const {
    cursor c;
    for (auto& of_zone : c.child) of_zone = driver::make_cursor(child);
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept {
    for (std::uint32_t i = 0; i != t.zones.size(); ++i) driver::remember(child, t.zones[i].child, c.child[i]);
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    if (!std::exchange(c.is_seeded, true)) c.draw = random_source{random_source{random}.next(), 3};
    c.health = c.steady = pick::unknown_health;
    for (std::uint32_t i = 0; i != t.zones.size(); ++i) driver::start(child, t.zones[i].child, c.child[i], random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (s.at == most_zones) {
      bool const is_steady = k.health_changes() == c.steady && !k.is_explained();
      s.at = s.first = is_steady ? c.only : chosen(t, c, k, key);
    }
    pick_error last = pick_error::none;
    while (s.at < t.zones.size()) {
      zone const& z = t.zones[s.at];
      proposal const p =
          driver::next(child, z.child, c.child[s.at], s.child, k.over(z.child.members), derived(key, z.number));
      if (p.candidate != nullptr) [[likely]]
        return p;
      if (last < p.error()) last = p.error();
      detail::go_on(s, t.zones, k);
    }
    return last == pick_error::none ? proposal{} : proposal::none(last);
  }

 private:
  // The zones that have members: those of the text in its order, then the others by name.
  detail::array<std::string_view> names_of(members_view members) const {
    std::vector<std::string_view> there;
    for (member const& m : members.all_members()) there.push_back(members.zone_name(m));
    std::sort(there.begin(), there.end());
    there.erase(std::unique(there.begin(), there.end()), there.end());
    auto names = detail::array<std::string_view>::with_room(there.size());
    detail::each_label(weights, [&](std::string_view zone_name, std::string_view, bool) {
      if (auto const at = std::find(there.begin(), there.end(), zone_name); at != there.end()) {
        names.append(*at);
        there.erase(at);
      }
      return true;
    });
    for (std::string_view const zone_name : there) names.append(zone_name);
    return names;
  }

  zone build_zone(std::string_view zone_name, members_view members, table const* before) const {
    zone z;
    z.name = zone_name;
    z.number = static_cast<std::uint32_t>(xxh64(zone_name));
    std::size_t count = 0, healthy = 0;
    for (member const& m : members) healthy += members.zone_name(m) == zone_name;
    for (member const& m : members.with_unhealthy()) count += members.zone_name(m) == zone_name;
    z.members = detail::array<member>::with_room(count);
    for (member const& m : members.with_unhealthy())
      if (members.zone_name(m) == zone_name) z.members.append(m);
    if (weights.empty())
      for (member const& m : z.members) z.weight += m.weight;
    else
      detail::each_label(weights, [&](std::string_view named, std::string_view text, bool) {
        if (named == zone_name) z.weight = detail::weight_in(text).value_or(0);
        return named != zone_name;
      });
    typename driver::table const* its_before = nullptr;
    if (before != nullptr)
      for (zone const& b : before->zones)
        if (b.name == zone_name) its_before = &b.child;
    z.child = driver::build(child, members.narrowed(z.members, healthy), its_before);
    return z;
  }

  // The index of the zone that the key has, or that is drawn. The key is drawn anew, so that its zone and its owner
  // there are independent. Takes the pick by value, as the next: its address would keep it in memory.
  EQUIPOISE_OUT_OF_LINE std::uint32_t chosen(table const& t, cursor& c, pick k, key_of_policy<P> key) const noexcept {
    if (k.health_changes() != c.health) compute(t, c, k);
    std::uint32_t at = c.only;
    if (at == most_zones) {
      std::uint64_t const drawn = draws_by_key_ ? mix(detail::hash_of_key(key) + golden_gamma) : c.draw.next();
      at = 0;
      while (at + 1 != t.zones.size() && drawn >> 32 >= c.up_to[at]) ++at;
    }
    if (k.is_explained()) tell(t, c, at, k);
    return at;
  }

  static detail::health_count health_of(zone const& z, pick const& k) noexcept {
    detail::health_count count;
    for (member const& m : z.members) count.add(m, k);
    return count;
  }

  EQUIPOISE_OUT_OF_LINE void compute(table const& t, cursor& c, pick k) const noexcept {
    c.health = k.health_changes();
    double share[most_zones]{}, all = 0;
    std::uint32_t with_work = 0, only = 0;
    for (std::uint32_t i = 0; i != t.zones.size(); ++i) {
      auto const count = health_of(t.zones[i], k);
      double const carried = overprovisioning / 100.0 * count.healthy / std::max(count.considered(), 1u);
      share[i] = t.zones[i].weight * std::min(1.0, carried);
      all += share[i];
      if (share[i] > 0) ++with_work, only = i;
    }
    double sum = 0;
    for (std::uint32_t i = 0; i != t.zones.size(); ++i) {
      sum += share[i];
      c.up_to[i] = all > 0 ? static_cast<std::uint64_t>(sum / all * 0x1p32) : 0;
    }
    c.only = with_work > 1 ? most_zones : only;
    c.steady = with_work > 1 ? pick::unknown_health : c.health;
  }

  EQUIPOISE_OUT_OF_LINE void tell(table const& t, cursor const& c, std::uint32_t first, pick k) const noexcept {
    for (std::uint32_t i = 0; i != t.zones.size(); ++i) {
      zone const& z = t.zones[i];
      std::uint64_t const part = c.up_to[i] - (i == 0 ? 0 : c.up_to[i - 1]);
      k.set_aside(z.members, i == first ? nullptr : part == 0 ? "in a zone on standby" : "in another zone");
      if (c.only != most_zones) continue;
      auto const count = health_of(z, k);
      char text[160];
      std::snprintf(text, sizeof text, "zone %.60s: %.1f %% of the work, %u of %u healthy", z.name.c_str(),
                    static_cast<double>(part) * 100 / 0x1p32, count.healthy, count.members);
      k.noted(text);
    }
  }

  bool draws_by_key_;
};

template <class P>
zone_weighted(std::string, P) -> zone_weighted<P>;
template <class P>
zone_weighted(std::string, P, std::int64_t) -> zone_weighted<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
