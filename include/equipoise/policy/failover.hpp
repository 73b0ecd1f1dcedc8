// SPDX-License-Identifier: MIT
// Failover: levels of priority. Work goes to level 0 while any backend there may have it, then to level 1, and so on.
// Each level has a table of its own.
//
//   equipoise::balancer lb{pool, equipoise::failover{equipoise::round_robin{}}};    // priority_of(server) is the level
//
// A backend that is full is passed over like one that is down, so a full level overflows into the next one. Priorities
// are 0 … 7; a backend beyond them is refused when it joins. Each level draws a key afresh, so the owners of a key on
// two levels are independent. Select: as the child's, for each level tried.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/composition.hpp>

#include <array>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Levels of priority around a child policy. See the top of the header.
template <class P>
struct failover : with_key_of<P> {
  static constexpr std::string_view name = "failover";
  static constexpr bool reads_priorities = true;
  static constexpr std::uint32_t levels = 8;  ///< priorities are 0 … levels − 1
  static_assert(check_policy<P>());
  using driver = policy_driver<P>;

  P child;

  struct level {
    std::uint32_t priority = 0;
    detail::array<member> members;  // the healthy ones first
    typename driver::table child;
  };
  struct table {
    detail::array<level> levels;  // those that have members, in order
  };
  struct cursor {
    std::array<typename driver::cursor, failover::levels> child{};  // by priority, because levels come and go
  };
  struct pick_state {
    typename driver::pick_state child;
    std::uint32_t at = 0;
  };

  explicit failover(P policy) : child{std::move(policy)} {}

  table build(members_view members) const {
    // All members are checked: a refresh() later must not find one that it has to refuse.
    table t;
    for (member const& m : members.all_members())
      if (m.priority >= levels) {
        members.refuse("equipoise: priority " + std::to_string(m.priority) + " of backend '" + std::string{m.key()} +
                       "' is beyond failover's levels 0 … " + std::to_string(levels - 1));
        return t;
      }
    std::size_t count[levels]{}, healthy[levels]{};
    for (member const& m : members) ++healthy[m.priority];
    for (member const& m : members.with_unhealthy()) ++count[m.priority];
    t.levels = detail::array<level>::with_room(levels);
    for (std::uint32_t i = 0; i != levels; ++i) {
      bool const none_at_all = members.with_unhealthy().empty() && i == 0;  // the child may know bound sessions
      if (count[i] == 0 && !none_at_all) continue;
      level l;
      l.priority = i;
      l.members = detail::array<member>::with_room(count[i]);
      for (member const& m : members.with_unhealthy())
        if (m.priority == i) l.members.append(m);
      l.child = driver::build(child, members.narrowed(l.members, healthy[i]));
      t.levels.append(std::move(l));
    }
    return t;
  }

  cursor make_cursor() const {
    cursor c;
    for (auto& of_level : c.child) of_level = driver::make_cursor(child);
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept {
    for (level const& l : t.levels) driver::remember(child, l.child, c.child[l.priority]);
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    for (level const& l : t.levels) driver::start(child, l.child, c.child[l.priority], random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    pick_error last = pick_error::none;
    for (; s.at < t.levels.size(); ++s.at, s.child = {}) {
      level const& l = t.levels[s.at];
      for (std::size_t i = s.at; i != t.levels.size() && k.is_explained(); ++i)
        k.set_aside(t.levels[i].members, i != s.at ? "on standby" : nullptr);
      proposal const p =
          driver::next(child, l.child, c.child[l.priority], s.child, k.over(l.child.members), derived(key, l.priority));
      if (p.candidate != nullptr) [[likely]]
        return p;
      if (last < p.error()) last = p.error();
    }
    return last == pick_error::none ? proposal{} : proposal::none(last);
  }
};

template <class P>
explicit failover(P) -> failover<P>;
template <class P>
explicit failover(failover<P>) -> failover<failover<P>>;  // nests; without this it would copy

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
