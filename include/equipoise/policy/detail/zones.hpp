// SPDX-License-Identifier: MIT
// What compositions share that divide the members by the caller's zone: a table and a cursor of the child for those of
// the zone, for the others, and for all.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/composition.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// The base class. Table, Cursor and State are what the composition keeps beside its child's.
template <class P, class Table = nothing_more, class Cursor = nothing_more, class State = nothing_more>
struct composition_by_zone : with_key_of<P> {
  static_assert(check_policy<P>());
  using driver = policy_driver<P>;

  P child;

  /// The groups of members: those of the zone, the others, and all.
  enum group : std::size_t { near, far, all, groups };

  struct members_of_group {
    array<member> members;  // the healthy ones first; empty for `all`, which has the whole view
    typename driver::table child;
  };
  struct table : Table {
    members_of_group group[groups];
  };
  struct cursor : Cursor {
    typename driver::cursor child[groups]{};
  };
  struct pick_state : State {
    typename driver::pick_state child;
    std::uint8_t at = groups;  // the group that is asked
  };

  explicit composition_by_zone(P policy) : child{std::move(policy)} {}

  cursor make_cursor() const {
    cursor c;
    for (auto& of_group : c.child) of_group = driver::make_cursor(child);
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept {
    for (std::size_t g = 0; g != groups; ++g) driver::remember(child, t.group[g].child, c.child[g]);
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    for (std::size_t g = 0; g != groups; ++g) driver::start(child, t.group[g].child, c.child[g], random);
  }

 protected:
  // The groups of that zone. Without a name there is none. Null: there is no table before.
  table build_groups(std::string const& zone, members_view members, table const* before) const {
    table t;
    std::size_t healthy[2] = {0, 0}, count[2] = {0, 0};
    auto const group_of = [&](member const& m) { return !zone.empty() && members.zone_name(m) == zone ? near : far; };
    for (member const& m : members) ++healthy[group_of(m)];
    for (member const& m : members.with_unhealthy()) ++count[group_of(m)];
    for (std::size_t g : {near, far}) t.group[g].members = array<member>::with_room(count[g]);
    for (member const& m : members.with_unhealthy()) t.group[group_of(m)].members.append(m);
    for (std::size_t g : {near, far})
      t.group[g].child = driver::build(child, members.narrowed(t.group[g].members, healthy[g]),
                                       before != nullptr ? &before->group[g].child : nullptr);
    t.group[all].child = driver::build(child, members, before != nullptr ? &before->group[all].child : nullptr);
    return t;
  }

  // The child's next proposal of the group that is asked.
  EQUIPOISE_INLINE proposal next(table const& t, cursor& c, pick_state& s, pick const& k,
                                 key_of_policy<P> const& key) const noexcept {
    auto const& its = t.group[s.at].child;
    return driver::next(child, its, c.child[s.at], s.child, k.over(its.members), derived(key, s.at == far));
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
