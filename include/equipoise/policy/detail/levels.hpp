// SPDX-License-Identifier: MIT
// What compositions share that divide the members by priority: a table and a cursor of the child for each level.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/composition.hpp>

#include <array>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Priorities are 0 … most_levels − 1.
inline constexpr std::uint32_t most_levels = 8;

// The base class of a composition with levels. Tables is what builds and starts the child's table of a level:
// policy_driver<P>, or panic_tables<P>. Table, Cursor and State are what the composition keeps beside its child's.
template <class P, class Tables = policy_driver<P>, class Table = nothing_more, class Cursor = nothing_more,
          class State = nothing_more>
struct composition_by_level : with_key_of<P> {
  static_assert(check_policy<P>());
  static constexpr bool reads_priorities = true;
  static constexpr std::uint32_t levels = most_levels;
  using driver = policy_driver<P>;

  P child;

  struct level {
    std::uint32_t priority = 0;
    array<member> members;  // the healthy ones first
    typename Tables::table child;
  };
  struct table : Table {
    array<level> levels;  // those that have members, in order
  };
  struct cursor : Cursor {
    std::array<typename Tables::cursor, most_levels> child{};  // by priority: levels come and go
  };
  struct pick_state : State {
    typename driver::pick_state child;
    std::uint32_t at = 0;  // the level that is asked
  };

  explicit composition_by_level(P policy) : child{std::move(policy)} {}

  cursor make_cursor() const {
    cursor c;
    for (auto& of_level : c.child) of_level = Tables::make_cursor(child);
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept {
    for (level const& l : t.levels) Tables::remember(child, l.child, c.child[l.priority]);
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    for (level const& l : t.levels) Tables::start(child, l.child, c.child[l.priority], random);
  }

 protected:
  // The levels' tables. `build_child` makes a level's from its members and from the table before; null if there is
  // none. The name is that of the composition.
  template <class BuildChild>
  static table build_levels(std::string_view name, members_view members, table const* before, BuildChild build_child) {
    // All members are checked: a refresh() later must not find one that it has to refuse.
    table t;
    for (member const& m : members.all_members())
      if (m.priority >= levels) {
        members.refuse("equipoise: priority " + std::to_string(m.priority) + " of backend '" + std::string{m.key()} +
                       "' is beyond " + std::string{name} + "'s levels 0 … " + std::to_string(levels - 1));
        return t;
      }
    std::size_t count[levels]{}, healthy[levels]{};
    for (member const& m : members) ++healthy[m.priority];
    for (member const& m : members.with_unhealthy()) ++count[m.priority];
    t.levels = array<level>::with_room(levels);
    for (std::uint32_t i = 0; i != levels; ++i) {
      bool const none_at_all = members.with_unhealthy().empty() && i == 0;  // the child may know bound sessions
      if (count[i] == 0 && !none_at_all) continue;
      level l;
      l.priority = i;
      l.members = array<member>::with_room(count[i]);
      for (member const& m : members.with_unhealthy())
        if (m.priority == i) l.members.append(m);
      typename Tables::table const* its_before = nullptr;
      if (before != nullptr)
        for (level const& b : before->levels)
          if (b.priority == i) its_before = &b.child;
      l.child = build_child(members.narrowed(l.members, healthy[i]), its_before);
      t.levels.append(std::move(l));
    }
    return t;
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
