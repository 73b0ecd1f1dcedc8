// SPDX-License-Identifier: MIT
// How a policy is driven through one pick, in one place: its own proposals, then each member once, then none. This
// belongs to the leaf policy, so a limit, a bound or a level above it holds for the scan too.
#pragma once

#include <equipoise/core/policy/policy.hpp>

#include <utility>

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

// Calls `call` with the policy and the arguments that its propose() takes. The only place that knows the signatures.
template <class P, class Call>
EQUIPOISE_INLINE auto with_arguments_of(P const& p, [[maybe_unused]] typename P::table const& t,
                                        [[maybe_unused]] cursor_of<P>& c, [[maybe_unused]] pick_state_of<P>& s,
                                        [[maybe_unused]] pick const& k, [[maybe_unused]] key_of_policy<P> const& key,
                                        [[maybe_unused]] Call call) {
  if constexpr (requires { p.propose(t, c, s, k, key); })
    return call(p, t, c, s, k, key);
  else if constexpr (requires { p.propose(t, c, k, key); })
    return call(p, t, c, k, key);
  else if constexpr (requires { p.propose(t, c, s, k); })
    return call(p, t, c, s, k);
  else if constexpr (requires { p.propose(t, c, k); })
    return call(p, t, c, k);
  else
    return no_signature_fits{};
}

struct call_propose {
  template <class P, class... Arguments>
  EQUIPOISE_INLINE auto operator()(P const& p, Arguments&... arguments) const {
    return p.propose(arguments...);
  }
};

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

/// How policy P is driven through one pick. The picker drives a policy with it, and so does a composition its child.
template <class P>
struct policy_driver {
  using key_type = key_of_policy<P>;                             ///< what the policy is asked with
  static constexpr std::uint32_t tries = detail::tries_of<P>();  ///< own proposals of a leaf before the scan
  static constexpr bool is_leaf = !composition<P>;               ///< whether the scan over all members is its own

  /// The policy's table, and the members it was built from.
  struct table {
    typename P::table own;  ///< the policy's own
    members_view members;   ///< must outlive the table
  };
  /// What one worker remembers between picks.
  struct cursor {
    typename P::cursor own{};
    std::uint32_t scan = 0;            // one past the member that the previous scan answered; not used with a key
    std::uint32_t scan_unhealthy = 0;  // the same among the unhealthy members
    bool started = false;
  };
  /// What one pick remembers between proposals.
  struct pick_state {
    detail::pick_state_of<P> own{};
    std::uint32_t step = 0;
    member const* last = nullptr;
  };

  /// Builds the table on the control thread. May throw and allocate. The members must outlive the table.
  static table build(P const& policy, members_view members) { return {policy.build(members), members}; }

  /// Makes what one worker remembers, together with its picker. May allocate.
  static cursor make_cursor(P const& policy) {
    if constexpr (requires { policy.make_cursor(); })
      return {policy.make_cursor()};
    else
      return {};
  }

  /// Decides where that worker begins. Runs on the worker, in place, whenever the worker takes a new table. A leaf
  /// begins once, when it first meets members: the level of a composition may get its first ones late. Wait-free.
  static void start(P const& policy, table const& t, cursor& c, random_source& random) noexcept {
    if constexpr (is_leaf)
      if (t.members.empty() || std::exchange(c.started, true)) return;
    if constexpr (requires { policy.start(t.own, c.own, random); })
      policy.start(t.own, c.own, random);
    else if constexpr (requires { policy.start(t.own, members_view{}, random); })
      c.own = policy.start(t.own, t.members, random);
  }

  /// The first proposal of a pick. If it has no member, the pick goes on with after_none(), else with next(). Wait-free
  /// if the policy's propose() is.
  EQUIPOISE_INLINE static proposal first(P const& policy, table const& t, cursor& c, pick_state& s, pick const& k,
                                         key_type const& key) noexcept {
    proposal const p = propose(policy, t, c, s, k, key);
    if constexpr (is_leaf) s.step = 1, s.last = p.candidate;
    return p;
  }

  /// The next proposal of a pick; the first one of a new pick state. The pick ends with a proposal without a member,
  /// after at most `tries` + members calls. Wait-free if the policy's propose() is.
  EQUIPOISE_INLINE static proposal next(P const& policy, table const& t, cursor& c, pick_state& s, pick const& k,
                                        key_type const& key) noexcept {
    if constexpr (!is_leaf) {
      return propose(policy, t, c, s, k, key);
    } else {
      if (s.step < tries) [[likely]] {
        ++s.step;
        proposal const p = propose(policy, t, c, s, k, key);
        if (p.candidate == nullptr) [[unlikely]]
          return after_none(p, t, c, s);
        s.last = p.candidate;
        return p;
      }
      if constexpr (detail::is_finite<P>())
        return nullptr;
      else
        return scan(t.members, c, s.step++ - tries, s.last);
    }
  }

  /// What follows a policy's own proposal that has no member: the scan, or the end of the pick with an error.
  EQUIPOISE_INLINE static proposal after_none(proposal p, table const& t, cursor& c, pick_state& s) noexcept {
    if constexpr (!is_leaf) {
      return p;
    } else {
      if (p.error() != pick_error::none) return p;
      if (detail::is_finite<P>()) return proposal::none(pick_error::refused);
      s.step = tries + 1;
      return scan(t.members, c, 0, s.last);
    }
  }

 private:
  EQUIPOISE_INLINE static proposal propose(P const& policy, table const& t, cursor& c, pick_state& s, pick const& k,
                                           key_type const& key) noexcept {
    return detail::with_arguments_of<P>(policy, t.own, c.own, s.own, k, key, detail::call_propose{});
  }

  // With a key: on from the last proposal, so that proposals and scan are one fixed sequence for each key. Without:
  // from a start that moves with each answer, so that no neighbour of a dead heavy member inherits its whole share. The
  // unhealthy members come last. The pick state stays with the caller: passing its address would keep it in memory.
  EQUIPOISE_OUT_OF_LINE static proposal scan(members_view these, cursor& c, std::uint32_t passed,
                                             [[maybe_unused]] member const* last) noexcept {
    auto const n = static_cast<std::uint32_t>(these.size());
    auto const rest = static_cast<std::uint32_t>(these.unhealthy().size());
    bool const late = passed >= n;
    if (passed >= n + rest) return nullptr;
    if constexpr (keyed<P>) {
      if (late) return &these.unhealthy()[passed - n];
      std::uint32_t const from = last != nullptr ? static_cast<std::uint32_t>(last - these.data()) + 1 : 0;
      return &these[(from % n + passed) % n];
    } else {
      std::uint32_t& from = late ? c.scan_unhealthy : c.scan;
      std::uint32_t const i = from % (late ? rest : n);
      from = i + 1;
      return late ? &these.unhealthy()[i] : &these[i];
    }
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
