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

#include <equipoise/policy/detail/levels.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Levels of priority around a child policy. See the top of the header.
template <class P>
struct failover : detail::composition_by_level<P> {
  static constexpr std::string_view name = "failover";
  using base = detail::composition_by_level<P>;
  using driver = typename base::driver;
  using table = typename base::table;

  explicit failover(P policy) : base{std::move(policy)} {}

  table build(members_view members, table const* before = nullptr) const {
    return base::build_levels(name, members, before, [this](members_view these, typename driver::table const* its) {
      return driver::build(this->child, these, its);
    });
  }

  EQUIPOISE_INLINE proposal propose(table const& t, typename base::cursor& c, typename base::pick_state& s,
                                    pick const& k, key_of_policy<P> const& key) const noexcept {
    pick_error last = pick_error::none;
    for (; s.at < t.levels.size(); ++s.at, s.child = {}) {
      auto const& l = t.levels[s.at];
      for (std::size_t i = s.at; i != t.levels.size() && k.is_explained(); ++i)
        k.set_aside(t.levels[i].members, i != s.at ? "on standby" : nullptr);
      proposal const p = driver::next(this->child, l.child, c.child[l.priority], s.child, k.over(l.child.members),
                                      derived(key, l.priority));
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
