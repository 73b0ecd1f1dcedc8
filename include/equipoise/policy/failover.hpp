// Failover: levels of priority. Work goes to level 0 while anybody there may have it, then to level 1, and so on; a child
// table for each level.
//
//   equipoise::balancer lb{pool, equipoise::failover{equipoise::round_robin{}}};    // priority_of(server) names the level
//
// A backend that is full (a limit, a bound below) is passed over like one that is down: its level overflows into the next.
// One that recovers under an unkeyed child has work again from the next refresh() on, or when nobody on any level has room.
// Priorities 0 … 7; a backend beyond is refused when it joins. Each level draws a key afresh, so homes on different levels do
// not follow from one another. Select: as the child's, for each level tried.
#pragma once

#include <equipoise/core/policy/policy_driver.hpp>
#include <equipoise/hash/key.hpp>

#include <algorithm>
#include <array>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

template <class P>
struct failover : with_key_of<P> {
  static constexpr std::string_view name = "failover";
  static constexpr std::uint32_t levels = 8;

  P child;

  struct level {
    std::uint32_t priority = 0;
    std::vector<member> members, unhealthy;
    typename policy_driver<P>::table child;
  };
  struct table {
    std::vector<level> levels;  // those that have members, in order
  };
  struct cursor {
    std::array<typename policy_driver<P>::cursor, failover::levels> child{};  // by priority: levels come and go
  };
  struct pick_state {
    typename policy_driver<P>::pick_state child;
    std::uint32_t at = 0;
  };

  explicit failover(P policy) : child{std::move(policy)} {}

  table build(members_view members) const {
    // Of everybody: who is down now would be refused by a refresh() later.
    for (member const& m : members.all_members())
      if (m.priority >= levels)
        fail("equipoise: priority " + std::to_string(m.priority) + " of backend '" + std::string{m.key()} +
             "' is beyond failover's levels 0 … " + std::to_string(levels - 1));
    std::array<level, levels> by_priority;
    for (member const& m : members) by_priority[m.priority].members.push_back(m);
    for (member const& m : members.unhealthy()) by_priority[m.priority].unhealthy.push_back(m);
    table t;
    t.levels.reserve(levels);  // a child's table may refer to its level's members: levels stay where they are
    for (std::uint32_t i = 0; i != levels; ++i) {
      level& l = by_priority[i];
      if (l.members.empty() && l.unhealthy.empty()) continue;
      l.priority = i;
      l.child = policy_driver<P>::build(child, members.narrowed(l.members, l.unhealthy));
      t.levels.push_back(std::move(l));
    }
    return t;
  }

  cursor make_cursor() const {
    cursor c;
    for (auto& of_level : c.child) of_level = policy_driver<P>::make_cursor(child);
    return c;
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    for (level const& l : t.levels) policy_driver<P>::start(child, l.child, c.child[l.priority], random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& w, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    pick_error last = pick_error::none;
    for (; w.at < t.levels.size(); ++w.at, w.child = {}) {
      level const& l = t.levels[w.at];
      proposal const p =
          policy_driver<P>::next(child, l.child, c.child[l.priority], w.child, k.over(l.members), derived(key, l.priority));
      if (p.candidate != nullptr) [[likely]] return p;
      last = std::max(last, p.error());
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
