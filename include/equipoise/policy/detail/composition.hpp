// SPDX-License-Identifier: MIT
// What compositions around one child share: the child, its table, its cursor and its pick state beside their own.
#pragma once

#include <equipoise/core/policy/check_policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

struct nothing_more {};

// Goes on to the group that is asked next: s.first was asked first, then all others in order. The loops themselves stay
// where they are: around a call of a function object the compiler keeps the state of a pick in memory.
template <class State, class Groups>
EQUIPOISE_INLINE void go_on(State& s, Groups const& groups, pick const& k) noexcept {
  s.child = {};
  s.at = s.next++;
  if (s.at == s.first) s.at = s.next++;
  if (s.at < groups.size()) k.set_aside(groups[s.at].members, nullptr);
}

// The base class of a composition. Table, Cursor and State are what the composition keeps beside its child's.
template <class P, class Table = nothing_more, class Cursor = nothing_more, class State = nothing_more>
struct composition_around : with_key_of<P> {
  static_assert(check_policy<P>());
  using driver = policy_driver<P>;

  P child;

  struct table : Table {
    typename driver::table child;
  };
  struct cursor : Cursor {
    typename driver::cursor child;
  };
  struct pick_state : State {
    typename driver::pick_state child;
  };

  explicit composition_around(P policy) : child{std::move(policy)} {}

  table build(members_view members, table const* before = nullptr) const {
    return {{}, driver::build(child, members, before != nullptr ? &before->child : nullptr)};
  }
  cursor make_cursor() const { return {{}, driver::make_cursor(child)}; }
  void remember(table const& t, cursor& c) const noexcept { driver::remember(child, t.child, c.child); }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    driver::start(child, t.child, c.child, random);
  }

 protected:
  // The child's next proposal.
  EQUIPOISE_INLINE proposal next(table const& t, cursor& c, pick_state& s, pick const& k,
                                 key_of_policy<P> const& key) const noexcept {
    return driver::next(child, t.child, c.child, s.child, k, key);
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
