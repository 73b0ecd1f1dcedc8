// SPDX-License-Identifier: MIT
// How a policy is driven through one pick, in one place: its own proposals, then a scan over all members, then none.
// This belongs to the leaf policy, so a limit, a bound or a level above it holds for the scan too.
#pragma once

#include <equipoise/core/policy/policy.hpp>
#include <equipoise/core/policy/spill_order.hpp>

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
    return 64;
}

// A policy with a pick state goes on by itself, so it is asked until it proposes no member, if it does not say
// otherwise.
template <class P>
consteval bool is_asked_to_its_end() {
  return requires { typename P::pick_state; } && !requires { P::tries; };
}

template <class P>
consteval bool is_finite() {
  if constexpr (requires { P::finite; })
    return P::finite;
  else
    return false;
}

// The index of a member in a list that has changed a little, near the index it had before; that index if it is gone.
// There must be members. O(1).
inline std::uint32_t place_of(backend_id id, members_view members, std::uint32_t before) noexcept {
  auto const n = static_cast<std::uint32_t>(members.size());
  std::uint32_t const at = before % n;
  for (std::uint32_t d = 0; d <= 64 && d < n; ++d)
    for (std::uint32_t const i : {(at + d) % n, (at + n - d) % n})
      if (members[i].id == id) return i;
  return at;
}

// What the scan of a policy without a key remembers between picks. It depends on the members alone, so all policies
// share its code. Functions take the pick by value: its address would keep it in memory.
class scan_memory {
 public:
  random_source draw{};
  std::uint64_t recovery = 0;  // pick::health_changes() when the share was computed

  // A member drawn by weight among those that the pick may have, so that the shares of those left are right whatever
  // kept the others out; a few draws, in case that others are as quick, then each member once.
  EQUIPOISE_OUT_OF_LINE member const* next(array_view<member const> these, std::uint32_t passed, std::uint32_t heaviest,
                                           bool by_weight, pick k) noexcept {
    constexpr std::uint32_t draws = 4;
    auto const n = static_cast<std::uint32_t>(these.size());
    if (n == 0 || passed >= n + draws) return nullptr;
    if (passed == 0) first_ = draw.below(n);
    if (passed < draws)
      if (member const* m = drawn(these, heaviest, by_weight, k)) return m;
    return &these[(first_ + passed) % n];
  }

  // Members that the table leaves out and that have recovered get their share until the next table: null, or one of
  // them.
  EQUIPOISE_OUT_OF_LINE member const* of_recovered(members_view members, bool by_weight, pick k) noexcept {
    auto const left_out = members.unhealthy();
    if (left_out.empty() || !k.ordinary()) return nullptr;
    if (std::uint64_t const changes = k.health_changes(); recovery != changes) {
      double const back = weight_of_admitted(left_out, by_weight, k);
      recovered_ = back != 0 ? back / (back + weight_of_admitted(members, by_weight, k)) : 0;
      recovery = changes;
    }
    constexpr double unit = 1.0 / 18446744073709551616.0;
    return static_cast<double>(draw.next()) * unit < recovered_ ? drawn_from(left_out, by_weight, k) : nullptr;
  }

 private:
  static double weight_of_admitted(array_view<member const> these, bool by_weight, pick const& k) noexcept {
    double sum = 0;
    for (member const& m : these)
      if (k.is_eligible(m)) sum += counted_weight(m, by_weight);
    return sum;
  }
  static std::uint32_t counted_weight(member const& m, bool by_weight) noexcept { return by_weight ? m.weight : 1; }

  // A member that the pick may have, each with a probability by its weight; null if there is none. First by drawing
  // from all members, which is O(1) unless few may be had or few are as heavy as the heaviest; then O(members).
  member const* drawn(array_view<member const> these, std::uint32_t heaviest, bool by_weight, pick const& k) noexcept {
    for (int i = 0; i != 32; ++i) {
      member const& m = these[draw.below(static_cast<std::uint32_t>(these.size()))];
      if (draw.below(heaviest) < counted_weight(m, by_weight) && k.admits(m)) return &m;
    }
    return drawn_from(these, by_weight, k);
  }
  member const* drawn_from(array_view<member const> these, bool by_weight, pick const& k) noexcept {
    std::uint64_t total = 0;
    member const* chosen = nullptr;
    for (member const& m : these) {
      if (!k.admits(m)) continue;
      total += counted_weight(m, by_weight);
      if (multiply_high(draw.next(), total) < counted_weight(m, by_weight)) chosen = &m;
    }
    return chosen;
  }

  std::uint32_t first_ = 0;  // where the sweep begins
  double recovered_ = 0;     // the share of the left-out members that have recovered
};

// What the scan of a policy needs to know of the members: with a key an order, without one the greatest weight.
template <class P>
struct order_of_policy {
  struct type {
    std::uint32_t heaviest = 1;

    type() = default;
    explicit type(array_view<member const> members) noexcept {
      if constexpr (!composition<P> && counts_weights<P>())
        for (member const& m : members) heaviest = heaviest < m.weight ? m.weight : heaviest;
    }
  };
};
template <keyed P>
  requires(!composition<P> && !is_finite<P>())
struct order_of_policy<P> {
  using type = spill_order<key_of_policy<P>>;
};
template <class P>
using order_of = typename order_of_policy<P>::type;

}  // namespace detail

/// How policy P is driven through one pick. The picker drives a policy with it, and so does a composition its child.
template <class P>
struct policy_driver {
  using key_type = key_of_policy<P>;  ///< what the policy is asked with
  static constexpr std::uint32_t tries =
      detail::tries_of<P>();                        ///< own proposals of a leaf before the scan, if bounded
  static constexpr bool is_leaf = !composition<P>;  ///< whether the scan over all members is its own

  /// The policy's table, and the members it was built from.
  struct table {
    typename P::table own;      ///< the policy's own
    members_view members;       ///< must outlive the table
    detail::order_of<P> order;  ///< of the scan
  };
  /// What one worker remembers between picks.
  struct cursor {
    typename P::cursor own{};
    detail::scan_memory scan{};  // not used with a key
    bool started = false;
    std::uint32_t at = 0;  // the index that had the turn, while the worker takes a new table
    backend_id place{};    // and the member
  };
  /// What one pick remembers between proposals.
  struct pick_state {
    detail::pick_state_of<P> own{};
    std::uint32_t step = 0;
  };

  /// Builds the table on the control thread. May throw and allocate. The members must outlive the table. A policy whose
  /// build() takes a second argument gets its table before this one, or null if there is none.
  static table build(P const& policy, members_view members, table const* before = nullptr) {
    if constexpr (requires { policy.build(members, &before->own); })
      return {policy.build(members, before != nullptr ? &before->own : nullptr), members.built(),
              detail::order_of<P>(members.with_unhealthy())};
    else
      return {policy.build(members), members.built(), detail::order_of<P>(members.with_unhealthy())};
  }

  /// Makes what one worker remembers, together with its picker. May allocate.
  static cursor make_cursor(P const& policy) {
    if constexpr (requires { policy.make_cursor(); })
      return {policy.make_cursor()};
    else
      return {};
  }

  /// Keeps in mind which member has the turn. Runs on the worker before it gives up a table. Wait-free.
  static void remember(P const& policy, table const& t, cursor& c) noexcept {
    if constexpr (!is_leaf) {
      if constexpr (requires { policy.remember(t.own, c.own); }) policy.remember(t.own, c.own);
    } else if constexpr (requires { policy.place(c.own); }) {
      std::uint32_t const at = policy.place(c.own);
      c.at = at < t.members.size() ? at : 0;
      c.place = t.members.empty() ? backend_id{} : t.members[c.at].id;
    }
  }

  /// Decides where that worker begins. Runs on the worker, in place, whenever the worker takes a new table. A leaf
  /// begins once, when it first meets members: the level of a composition may get its first ones late. Afterwards it
  /// goes on with the member that had the turn. Wait-free.
  static void start(P const& policy, table const& t, cursor& c, random_source& random) noexcept {
    if constexpr (is_leaf) {
      if (t.members.with_unhealthy().empty()) return;
      c.scan.recovery = pick::unknown_health;
      if (std::exchange(c.started, true)) {
        if constexpr (requires { policy.resume(t.own, c.own); }) {
          policy.resume(t.own, c.own);
        } else if constexpr (requires { policy.resume(t.own, c.own, c.at, true); }) {
          if (t.members.empty()) return;
          std::uint32_t const at = detail::place_of(c.place, t.members, c.at);
          policy.resume(t.own, c.own, at, t.members[at].id == c.place);
        }
        return;
      }
      c.scan.draw = random_source{random_source{random}.next()};
    }
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
    if constexpr (is_leaf) s.step = 1;
    return p;
  }

  /// The next proposal of a pick; the first one of a new pick state. The pick ends with a proposal without a member,
  /// after at most `tries` + members + 4 calls, with a pick state members more. Wait-free if the policy's propose() is.
  EQUIPOISE_INLINE static proposal next(P const& policy, table const& t, cursor& c, pick_state& s, pick const& k,
                                        key_type const& key) noexcept {
    if constexpr (!is_leaf) {
      return propose(policy, t, c, s, k, key);
    } else {
      if (s.step < last_own_step(t)) [[likely]] {
        if (s.step++ == 0 && k.some_recovered()) [[unlikely]]
          if constexpr (!keyed<P>)
            if (member const* m = c.scan.of_recovered(t.members, detail::counts_weights<P>(), k)) return m;
        proposal const p = propose(policy, t, c, s, k, key);
        if (p.candidate == nullptr) [[unlikely]]
          return after_none(policy, p, t, c, s, k, key);
        return p;
      }
      if constexpr (detail::is_finite<P>())
        return proposal::none(pick_error::all_down);  // for this pick only: other members were not asked
      else
        return scan(t, c, s.step++ - last_own_step(t), k, key);
    }
  }

  /// What follows a policy's own proposal that has no member: the scan, or the end of the pick with an error.
  EQUIPOISE_INLINE static proposal after_none([[maybe_unused]] P const& policy, proposal p, table const& t, cursor& c,
                                              pick_state& s, pick const& k, key_type const& key) noexcept {
    if constexpr (!is_leaf) {
      return p;
    } else {
      if (p.error() != pick_error::none) return p;
      if constexpr (detail::is_finite<P>()) {
        return proposal::none(pick_error::refused);
      } else {
        s.step = last_own_step(t) + 1;
        return scan(t, c, 0, k, key);
      }
    }
  }

 private:
  EQUIPOISE_INLINE static std::uint32_t last_own_step([[maybe_unused]] table const& t) noexcept {
    if constexpr (detail::is_asked_to_its_end<P>())
      return tries + static_cast<std::uint32_t>(t.members.with_unhealthy().size());
    else
      return tries;
  }
  EQUIPOISE_INLINE static proposal propose(P const& policy, table const& t, cursor& c, pick_state& s, pick const& k,
                                           key_type const& key) noexcept {
    return detail::with_arguments_of<P>(policy, t.own, c.own, s.own, k, key, detail::call_propose{});
  }

  // With a key: each member once in the key's own order, so that proposals and scan are one fixed sequence for each
  // key. Without: as scan_memory scans.
  EQUIPOISE_INLINE static proposal scan(table const& t, [[maybe_unused]] cursor& c, std::uint32_t passed,
                                        [[maybe_unused]] pick const& k, [[maybe_unused]] key_type const& key) noexcept {
    auto const these = t.members.with_unhealthy();
    if constexpr (keyed<P>)
      return passed < these.size() ? scan_by_key(t, passed, key) : nullptr;
    else
      return c.scan.next(these, passed, t.order.heaviest, detail::counts_weights<P>(), k);
  }
  EQUIPOISE_OUT_OF_LINE static member const* scan_by_key(table const& t, std::uint32_t passed, key_type key) noexcept {
    return &t.members.with_unhealthy()[t.order(key, passed)];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
