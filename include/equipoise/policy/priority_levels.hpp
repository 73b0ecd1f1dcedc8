// SPDX-License-Identifier: MIT
// Priority levels: as failover, but a level hands work on before its last backend is gone. Each level takes as much as
// its healthy members can carry, and the rest goes to the next one.
//
//   equipoise::balancer lb{pool, equipoise::priority_levels{equipoise::maglev{}}};  // priority_of(server) is the level
//   equipoise::priority_levels{equipoise::round_robin{}, 140, 50}                   // as Envoy is preset
//
// A healthy member can carry 1.4 times its usual share (the overprovisioning factor). So level 0 keeps all work while
// 72 % of its members are healthy; with half of them it gets 70 %, and level 1 the rest. A level in which less than
// `panic_threshold` percent are healthy, while all levels together cannot carry the work, is in a panic: its unhealthy
// members get work, too, as `panic_action::all` says. The preset 0 is never. Members that drain or are in maintenance
// carry nothing, but they cause no panic.
//
// A key has one level as long as the loads stay; for other policies each pick draws one. If the level has no backend
// for the pick, the others follow in order. Select: as the child's; O(members) in the first pick after a change of
// health. Source: Envoy's priority levels, in whole percent as there (priority_load.hpp).
#pragma once

#include <equipoise/policy/detail/levels.hpp>
#include <equipoise/policy/detail/panic_tables.hpp>
#include <equipoise/policy/priority_load.hpp>

#include <cstdio>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
struct levels_in_panic {
  widening everyone;  // all members of a level
};
struct priority_cursor {
  random_source draw;
  bool is_seeded = false;
  std::uint64_t health = pick::unknown_health;  // pick::health_changes() when the loads were computed
  std::uint64_t plain = pick::unknown_health;   // the same, if one level had all the load and none was in a panic
  std::uint32_t only = most_levels;             // the index of the level that has all the load
  priority_load loads[most_levels]{};           // by index of the level, as the next
  std::uint32_t up_to[most_levels]{};           // the loads, added up
};
struct priority_state {
  bool begun = false, is_plain = true;
  std::uint32_t first = 0, next = 0;  // the levels are asked in the order first, 0, 1, …
};
}  // namespace detail

/// Levels of priority that share the work by their health. See the top of the header.
template <class P>
struct priority_levels : detail::composition_by_level<P, detail::panic_tables<P>, detail::levels_in_panic,
                                                      detail::priority_cursor, detail::priority_state> {
  static constexpr std::string_view name = "priority_levels";
  using tables = detail::panic_tables<P>;
  using base =
      detail::composition_by_level<P, tables, detail::levels_in_panic, detail::priority_cursor, detail::priority_state>;
  using driver = typename base::driver;
  using table = typename base::table;
  using cursor = typename base::cursor;
  using pick_state = typename base::pick_state;

  std::uint32_t const overprovisioning;  ///< percent: how much of its usual share a healthy member can carry
  double const panic_threshold;          ///< percent of a level's members that are healthy; below it, a panic

  static constexpr parameter parameters[] = {
      {.name = "overprovisioning",
       .member = parameter_of<&priority_levels::overprovisioning>,
       .preset = 140,
       .least = 100,
       .most = 100'000},
      {.name = "panic_threshold", .member = parameter_of<&priority_levels::panic_threshold>, .most = 100}};

  /// Fails if overprovisioning is outside 100 … 100 000, or the threshold outside 0 … 100.
  explicit priority_levels(P policy, std::int64_t carried = 140, double least_percent_healthy = 0)
      : base{std::move(policy)}, overprovisioning{static_cast<std::uint32_t>(carried)},
        panic_threshold{least_percent_healthy}, draws_by_key_{keyed<P> && needs_key(this->child)} {
    parameters[0].check(name, carried);
    parameters[1].check(name, panic_threshold);
  }

  table build(members_view members, table const* before = nullptr) const {
    return base::build_levels(name, members, before, [this](members_view these, typename tables::table const* its) {
      return tables::build(this->child, these, panic_threshold > 0, its);
    });
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    if (!std::exchange(c.is_seeded, true)) c.draw = random_source{random_source{random}.next(), 1};
    c.health = c.plain = pick::unknown_health;
    for (priority_load& l : c.loads) l = {};
    base::start(t, c, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (!s.begun) {
      s.begun = true;
      s.is_plain = k.health_changes() == c.plain;
      s.at = s.first = s.is_plain && !k.is_explained() ? c.only : chosen(t, c, k, key);
    }
    pick_error last = pick_error::none;
    while (s.at < t.levels.size()) {
      auto const& l = t.levels[s.at];
      proposal const p = s.is_plain || !c.loads[s.at].in_panic
                             ? driver::next(this->child, l.child.usual, c.child[l.priority].usual, s.child,
                                            k.over(l.child.usual.members), derived(key, l.priority))
                             : tables::next_in_panic(this->child, l.child, c.child[l.priority], s.child, k, t.everyone,
                                                     derived(key, l.priority));
      if (p.candidate != nullptr) [[likely]]
        return p;
      if (last < p.error()) last = p.error();
      detail::go_on(s, t.levels, k);
    }
    return last == pick_error::none ? proposal{} : proposal::none(last);
  }

 private:
  // The index of the level that the key has, or that is drawn. The key is drawn anew, so that its level and its owner
  // there are independent. Takes the pick by value, as the next: its address would keep it in memory.
  EQUIPOISE_OUT_OF_LINE std::uint32_t chosen(table const& t, cursor& c, pick k, key_of_policy<P> key) const noexcept {
    if (k.health_changes() != c.health) compute(t, c, k);
    std::uint32_t const at = c.only != detail::most_levels ? c.only : drawn_level(c, key);
    if (k.is_explained()) tell(t, c, at, k);
    return at;
  }
  std::uint32_t drawn_level(cursor& c, key_of_policy<P> const& key) const noexcept {
    std::uint64_t const drawn = draws_by_key_ ? mix(detail::hash_of_key(key) + golden_gamma) : c.draw.next();
    auto const percent = static_cast<std::uint32_t>(multiply_high(drawn, 100));
    std::uint32_t at = 0;
    while (at + 1 != detail::most_levels && percent >= c.up_to[at]) ++at;
    return at;
  }

  static priority_health health_of(typename base::level const& l, pick const& k) noexcept {
    detail::health_count count;
    for (member const& m : l.members) count.add(m, k);
    return {.members = count.members, .healthy = count.healthy, .taken_out = count.taken_out};
  }

  EQUIPOISE_OUT_OF_LINE void compute(table const& t, cursor& c, pick k) const noexcept {
    c.health = k.health_changes();
    priority_health health[detail::most_levels]{};
    std::size_t const n = t.levels.size();
    for (std::size_t i = 0; i != n; ++i) health[i] = health_of(t.levels[i], k);
    spread_over_priorities({health, n}, {overprovisioning, panic_threshold}, {c.loads, n});
    c.only = n == 0 ? 0 : detail::most_levels;
    std::uint32_t sum = 0;
    bool in_panic = false;
    for (std::uint32_t i = 0; i != n; ++i) {
      if (c.loads[i].healthy == 100) c.only = i;
      c.up_to[i] = sum += c.loads[i].healthy;
      in_panic = in_panic || c.loads[i].in_panic;
    }
    c.plain = c.only != detail::most_levels && !in_panic ? c.health : pick::unknown_health;
  }

  EQUIPOISE_OUT_OF_LINE void tell(table const& t, cursor const& c, std::uint32_t first, pick k) const noexcept {
    for (std::uint32_t i = 0; i != t.levels.size(); ++i) {
      auto const& l = t.levels[i];
      priority_load const& load = c.loads[i];
      k.set_aside(l.members, i == first ? nullptr : load.healthy == 0 ? "on standby" : "on another level of priority");
      char text[160];
      priority_health const h = health_of(l, k);
      if (c.only == detail::most_levels) {
        std::snprintf(text, sizeof text, "priority %u: %u %% of the work, %llu of %llu healthy", l.priority,
                      load.healthy, static_cast<unsigned long long>(h.healthy),
                      static_cast<unsigned long long>(h.members));
        k.noted(text);
      }
      if (load.in_panic) {
        detail::write_panic(text, h.healthy, h.members - h.taken_out, panic_threshold, l.priority);
        k.noted(text);
      }
    }
  }

  bool draws_by_key_;
};

template <class P>
explicit priority_levels(P) -> priority_levels<P>;
template <class P>
explicit priority_levels(priority_levels<P>) -> priority_levels<priority_levels<P>>;  // nests; without this it copies
template <class P>
explicit priority_levels(P, std::int64_t) -> priority_levels<P>;
template <class P>
explicit priority_levels(P, std::int64_t, double) -> priority_levels<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
