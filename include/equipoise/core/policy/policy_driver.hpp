// The finite walk of every policy, in one place: its own proposals, then each member once, then nobody. It belongs to
// the leaf; so a limit, a bound or a level above it holds for the scan too. As a last resort, the picker has the whole
// walked again over those whom the table leaves out because they were unwell when it was built.
#pragma once

#include <equipoise/core/policy/policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

template <class P>
struct own_pick_state {
  struct type {};
};
template <class P>
  requires requires { typename P::pick_state; }
struct own_pick_state<P> {
  using type = typename P::pick_state;
};

template <class P>
using cursor_of = typename P::cursor;
template <class P>
using pick_state_of = typename own_pick_state<P>::type;

struct no_signature_fits {};

// propose(), under whichever of its signatures the policy has.
template <class P>
EQUIPOISE_INLINE auto asked(P const& p, [[maybe_unused]] typename P::table const& t, [[maybe_unused]] cursor_of<P>& c,
                            [[maybe_unused]] pick_state_of<P>& w, [[maybe_unused]] pick const& k,
                            [[maybe_unused]] key_of_policy<P> const& key) {
  if constexpr (requires { p.propose(t, c, w, k, key); })
    return p.propose(t, c, w, k, key);
  else if constexpr (requires { p.propose(t, c, k, key); })
    return p.propose(t, c, k, key);
  else if constexpr (requires { p.propose(t, c, w, k); })
    return p.propose(t, c, w, k);
  else if constexpr (requires { p.propose(t, c, k); })
    return p.propose(t, c, k);
  else
    return no_signature_fits{};
}

template <class P>
consteval std::uint32_t tries_of() {
  if constexpr (requires { P::tries; })
    return P::tries;
  else
    return keyed<P> ? 64 : 8;
}

template <class P>
consteval bool is_finite() {
  if constexpr (requires { P::finite; })
    return P::finite;
  else
    return false;
}

}  // namespace detail

// How policy P goes through one pick. The picker runs a course; so does a composition with its child.
template <class P>
struct policy_driver {
  using key_type = key_of_policy<P>;
  static constexpr std::uint32_t tries = detail::tries_of<P>();
  static constexpr bool is_leaf = !composition<P>;

  struct table {
    typename P::table own;
    members_view members;  // what it was built from
  };
  struct cursor {
    typename P::cursor own{};
    std::uint32_t scan = 0;  // unkeyed: one past the member that the previous scan answered
    std::uint32_t late = 0;  // the same among those left out
    bool started = false;    // leaves
  };
  struct pick_state {
    [[no_unique_address]] detail::pick_state_of<P> own{};
    std::uint32_t step = 0;
    member const* last = nullptr;
  };

  // On the control thread; may throw and allocate. The members must outlive the table.
  static table build(P const& policy, members_view members) { return {policy.build(members), members}; }

  // What one worker will remember; made with the picker, so it may allocate.
  static cursor make_cursor(P const& policy) {
    if constexpr (requires { policy.make_cursor(); })
      return {policy.make_cursor()};
    else
      return {};
  }

  // Where that worker begins: on the worker, in place, whenever it takes a new table. A leaf begins once, when it first
  // meets members: the level of a composition may get its first ones late.
  static void start(P const& policy, table const& t, cursor& c, random_source& random) noexcept {
    if constexpr (is_leaf)
      if (t.members.empty() || std::exchange(c.started, true)) return;
    if constexpr (requires { policy.start(t.own, c.own, random); })
      policy.start(t.own, c.own, random);
    else if constexpr (requires { policy.start(t.own, members_view{}, random); })
      c.own = policy.start(t.own, t.members, random);
  }

  // The pick's first proposal, where all of the speed is. If it is nobody, the walk starts afresh with next().
  EQUIPOISE_INLINE static proposal first(P const& policy, table const& t, cursor& c, pick_state& w, pick const& k,
                                         key_type const& key) noexcept {
    proposal const p = propose(policy, t, c, w, k, key);
    if constexpr (is_leaf) w.step = 1, w.last = p.candidate;
    return p;
  }

  // The next proposal of this pick. Ends after at most tries + members calls.
  EQUIPOISE_INLINE static proposal next(P const& policy, table const& t, cursor& c, pick_state& w, pick const& k,
                                        key_type const& key) noexcept {
    if constexpr (!is_leaf) {
      return propose(policy, t, c, w, k, key);
    } else {
      if (k.last_resort()) [[unlikely]] return detail::is_finite<P>() ? nullptr : scan(t.members.unhealthy(), c.late, w.step++, nullptr);
      if (w.step < tries) [[likely]] {
        ++w.step;
        proposal const p = propose(policy, t, c, w, k, key);
        if (p.candidate != nullptr) [[likely]] {
          w.last = p.candidate;
          return p;
        }
        if (detail::is_finite<P>() || p.error() != pick_error::none)
          return p.error() == pick_error::none ? proposal::none(pick_error::refused) : p;
        w.step = tries;
      }
      if constexpr (detail::is_finite<P>())
        return proposal::none(pick_error::none);
      else
        return scan(t.members, c.scan, w.step++ - tries, w.last);
    }
  }

 private:
  EQUIPOISE_INLINE static proposal propose(P const& policy, table const& t, cursor& c, pick_state& w, pick const& k,
                                           key_type const& key) noexcept {
    return detail::asked<P>(policy, t.own, c.own, w.own, k, key);
  }

  // Keyed: on from the last proposal, so that proposals and scan are one fixed sequence for each key. Unkeyed: a
  // start that moves with each answer, so that no neighbour of a dead heavy member inherits its whole share.
  // The walk stays with the caller: who hands out its address must keep it in memory, on the fast path too.
  EQUIPOISE_OUT_OF_LINE static proposal scan(std::span<member const> these, std::uint32_t& from, std::uint32_t passed,
                                             [[maybe_unused]] member const* last) noexcept {
    auto const n = static_cast<std::uint32_t>(these.size());
    if (passed >= n) return nullptr;
    std::uint32_t i;
    if constexpr (keyed<P>) {
      i = last != nullptr ? static_cast<std::uint32_t>(last - these.data()) + 1 : 0;
      i = (i % n + passed) % n;
    } else {
      i = from % n;
      from = i + 1;
    }
    return &these[i];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
