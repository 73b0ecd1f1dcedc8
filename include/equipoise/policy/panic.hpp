// SPDX-License-Identifier: MIT
// Panic: what happens when too few members are healthy. Often the checks are wrong then, and the few that are left
// would not stand the work of all.
//
//   equipoise::balancer lb{pool, equipoise::panic{equipoise::maglev{}, equipoise::panic_action::all}};      // below 50
//   % equipoise::panic{equipoise::round_robin{}, equipoise::panic_action::last_known, 30}
//
// The pool is in a panic while less than `threshold` percent of the members are healthy; 0 is never. Members that an
// operator or the application took out (draining, maintenance, saturated, user_1 …) do not count, on either side. So a
// drain starts no panic, and in a panic these members get no work either. explain() says that there is a panic.
// Select: as the child's; O(members) in the first pick after a change of health. Source: Envoy's panic threshold, which
// also counts by members and not by weight.
#pragma once

#include <equipoise/policy/detail/composition.hpp>
#include <equipoise/policy/detail/panic_tables.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What a pick does in a panic.
enum class panic_action : std::uint8_t {
  fail,       ///< it finds no backend: `all_down`
  all,        ///< it takes any member: down, ejected and circuit_open do not count
  last_known  ///< the same, but only for members that were healthy when enough of them last were
};

/// A child policy, and what happens when too few members are healthy. See the top of the header.
template <class P>
struct panic : with_key_of<P> {
  static constexpr std::string_view name = "panic";
  static_assert(check_policy<P>());
  using driver = policy_driver<P>;
  using tables = detail::panic_tables<P>;

  P child;
  panic_action const action;
  double const threshold;  ///< the least percentage of healthy members without a panic, 0 … 100

  static constexpr std::string_view actions[] = {"fail", "all", "last_known"};
  static constexpr parameter parameters[] = {
      {.name = "action", .member = parameter_of<&panic::action>, .most = 2, .words = actions},
      {.name = "threshold", .member = parameter_of<&panic::threshold>, .preset = 50, .most = 100}};

  struct table {
    typename tables::table child;
    detail::widening in_use;  // the members that get work in a panic
  };
  struct cursor {
    typename tables::cursor child;
    detail::health_count count;
    std::uint64_t health = pick::unknown_health;  // pick::health_changes() when they were counted
    std::uint64_t calm = pick::unknown_health;    // the same, if there was no panic
  };
  struct pick_state {
    typename driver::pick_state child;
    bool begun = false, is_on = false;
  };

  /// The action is a choice that has no preset. Fails if the threshold is outside 0 … 100.
  panic(P policy, panic_action what, double least_percent_healthy = 50)
      : child{std::move(policy)}, action{what}, threshold{least_percent_healthy} {
    parameters[0].check(name, static_cast<int>(action));
    parameters[1].check(name, threshold);
  }

  table build(members_view members, table const* before = nullptr) const {
    table t;
    t.child = tables::build(child, members, may_widen(), before != nullptr ? &before->child : nullptr);
    if (action == panic_action::last_known) t.in_use = last_known(members.with_unhealthy(), before);
    return t;
  }
  cursor make_cursor() const {
    cursor c;
    c.child = tables::make_cursor(child);
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept { tables::remember(child, t.child, c.child); }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    c.health = c.calm = pick::unknown_health;
    tables::start(child, t.child, c.child, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (!s.begun) {
      s.begun = true;
      if (k.health_changes() != c.calm) [[unlikely]]
        s.is_on = is_on(t, c, k);
    }
    if (!s.is_on) [[likely]]
      return driver::next(child, t.child.usual, c.child.usual, s.child, k, key);
    if (action == panic_action::fail) return proposal::none(pick_error::all_down);
    return tables::next_in_panic(child, t.child, c.child, s.child, k, t.in_use, key);
  }

 private:
  bool may_widen() const noexcept { return action != panic_action::fail && threshold > 0; }

  // Whether there is a panic. Counts the members if health has changed. Takes the pick by value, as tell(): its address
  // would keep it in memory.
  EQUIPOISE_OUT_OF_LINE bool is_on(table const& t, cursor& c, pick k) const noexcept {
    std::uint64_t const health = k.health_changes();
    if (c.health != health) {
      c.health = health;
      c.count = {};
      auto const members = t.child.usual.members.with_unhealthy();
      for (member const& m : members) c.count.add(m, k);
      bool const is_calm = !c.count.is_below(threshold);
      c.calm = is_calm ? health : pick::unknown_health;
      if (action == panic_action::last_known && is_calm)
        for (member const& m : members) t.in_use.put(m, k.passes(m, admission::new_work));
    }
    if (c.calm == health) return false;
    if (k.is_explained()) tell(c, k);
    return true;
  }

  EQUIPOISE_OUT_OF_LINE void tell(cursor const& c, pick k) const noexcept {
    char text[160];
    detail::write_panic(text, c.count.healthy, c.count.considered(), threshold);
    action == panic_action::fail ? k.refused(text) : k.noted(text);
  }

  // What was last known of the members when the table is built. If there is a panic already, that is what the table
  // before knew; without one, all members.
  detail::widening last_known(array_view<member const> members, table const* before) const {
    detail::widening known{members};
    detail::health_count count;
    for (member const& m : members) count.add(is_healthy(m), is_taken_out(m));
    bool const is_on = count.is_below(threshold);
    for (member const& m : members)
      known.put(m, !is_on ? is_healthy(m) : before == nullptr || (!is_new(m) && before->in_use.has(m)));
    return known;
  }
  // A member that joins with this table has no state word yet.
  static bool is_new(member const& m) noexcept {
    return (m.record->states->health(m.id) & health_flag::removed) != health_flag::none;
  }
  static bool is_healthy(member const& m) noexcept { return is_new(m) || flags_of(m, admission::new_work) == 0; }
  static bool is_taken_out(member const& m) noexcept { return !is_new(m) && flags_of(m, admission::panic) != 0; }
  // A member of a table has a weight, or gets one with it.
  static std::uint32_t flags_of(member const& m, admission mask) noexcept {
    return static_cast<std::uint32_t>(without(m.record->states->health(m.id), health_flag::zero_weight)) &
           static_cast<std::uint32_t>(mask);
  }
};

template <class P>
panic(P, panic_action) -> panic<P>;
template <class P>
panic(P, panic_action, double) -> panic<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
