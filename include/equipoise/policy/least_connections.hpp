// SPDX-License-Identifier: MIT
// Least connections: the backend with the least work in flight for its weight. Among equals, each in turn if their
// weights are equal, else by weight, as nginx does it: with nothing in flight, weights 10 and 1 get ten of eleven picks
// and one.
//
// Exact at rest and for one worker; with several workers, exact up to the picks in progress. Work counts from the pick
// on, so connections that are still being opened count too. Use it with acquire(): the next pick does not see a
// select(). Wait-free between publishes. With up to 128 backends, or different weights, O(members × counter stripes);
// with more of equal weight an index finds the least: O(1) if there is an idle one, else O(members / 1024) and a few
// blocks of 32. A pick with exclusions, or under a limit, looks at all of them.
#pragma once

#include <equipoise/core/policy/policy.hpp>
#include <equipoise/policy/detail/least_load_index.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The backend with the least work in flight for its weight. See the top of the header.
struct least_connections {
  static constexpr std::string_view name = "least_connections";
  static constexpr bool compares_loads = true;
  static constexpr std::uint32_t tries = 8;  // each looks at all members

  struct table {
    bool is_even = true;             // whether all weights are equal
    detail::least_load_index index;  // empty if looking at all members is as quick
  };
  struct cursor {
    std::uint32_t next = 0;    // ties begin one past the last one chosen
    std::uint64_t spread = 0;  // divides ties among different weights: a sequence that fills its range evenly
  };
  // The previous proposal of this pick. The next one is the least of those behind it in the order (load, turn).
  struct pick_state {
    bool again = false;
    std::uint32_t load = 0, weight = 1, turn = 0, base = 0;
  };

  table build(members_view members) const {
    table t;
    for (member const& m : members) t.is_even = t.is_even && m.weight == members[0].weight;
    if (t.is_even && members.size() > few) t.index = detail::least_load_index{members};
    return t;
  }
  cursor start(table const&, members_view members, random_source& random) const noexcept {
    return {static_cast<std::uint32_t>(random.position(members.size())),
            random_source{random}.position(~std::uint64_t{0})};
  }
  std::uint32_t place(cursor const& c) const noexcept { return c.next; }
  void resume(table const&, cursor& c, std::uint32_t place, bool) const noexcept { c.next = place; }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k) const noexcept {
    auto const n = static_cast<std::uint32_t>(k.members.size());
    if (n == 0) return nullptr;
    if (!s.again) s.base = c.next < n ? c.next : c.next % n;
    if (n > few && !s.again && !t.index.is_empty())
      if (member const* best = indexed(t, s.base, k)) {
        s = {true, k.in_flight(*best), best->weight, 0, static_cast<std::uint32_t>(best - k.members.data())};
        c.next = s.base + 1;
        return best;
      }
    return t.is_even ? least<false>(c, s, k) : least<true>(c, s, k);
  }

 private:
  static constexpr std::uint32_t few = 128;

  // Looks at all members.
  template <bool by_weight>
  EQUIPOISE_INLINE static member const* least(cursor& c, pick_state& s, pick const& k) noexcept {
    auto const n = static_cast<std::uint32_t>(k.members.size());
    member const* best = nullptr;
    std::uint32_t best_load = 0, best_turn = 0;
    std::uint64_t tied = 0;  // the weight of the best ones together
    bool uneven = false;     // whether their weights differ
    for (std::uint32_t turn = 0, i = s.base; turn != n; ++turn, i = i + 1 == n ? 0 : i + 1) {
      member const& m = k.members[i];
      std::uint32_t const load = k.in_flight(m);
      k.compared(m, "load", static_cast<double>(load) / m.weight);
      bool const is_less =
          best == nullptr || (by_weight ? less(load, m.weight, best_load, best->weight) : load < best_load);
      if (!is_less && (!by_weight || less(best_load, best->weight, load, m.weight))) continue;
      if ((s.again && !is_behind(s, m, load, turn)) || !k.is_eligible(m) || !k.is_below_limit(m, load)) continue;
      if (!is_less) {
        tied += m.weight;
        uneven = uneven || m.weight != best->weight;
        continue;
      }
      best = &m, best_load = load, best_turn = turn;
      tied = m.weight, uneven = false;
    }
    if (best == nullptr) return nullptr;
    if (by_weight && uneven && !s.again) {
      best = divided(*best, best_load, multiply_high(c.spread += golden_gamma, tied), k);
      s.base = static_cast<std::uint32_t>(best - k.members.data());
      best_load = k.in_flight(*best), best_turn = 0;
    }
    s = {true, best_load, best->weight, best_turn, s.base};
    c.next = static_cast<std::uint32_t>(best - k.members.data()) + 1;
    return best;
  }
  // Whether a member is behind the previous proposal.
  static bool is_behind(pick_state const& s, member const& m, std::uint32_t load, std::uint32_t turn) noexcept {
    return less(s.load, s.weight, load, m.weight) || (!less(load, m.weight, s.load, s.weight) && turn > s.turn);
  }

  // Null if the index does not know.
  EQUIPOISE_OUT_OF_LINE static member const* indexed(table const& t, std::uint32_t from, pick k) noexcept {
    if (!k.ordinary() || k.limits() || k.is_explained()) return nullptr;
    if (member const& next = k.members[from]; k.in_flight(next) == 0 && k.is_eligible(next)) return &next;
    std::uint32_t const found = t.index.find(k, from);
    return found != detail::least_load_index::none ? &k.members[found] : nullptr;
  }

  // Of the members that are as lightly loaded as `best`, the one that holds that part of their weights.
  EQUIPOISE_OUT_OF_LINE static member const* divided(member const& best, std::uint32_t best_load, std::uint64_t part,
                                                     pick k) noexcept {
    for (member const& m : k.members) {
      if (less(best_load, best.weight, k.in_flight(m), m.weight) || !k.admits(m)) continue;
      if (part < m.weight) return &m;
      part -= m.weight;
    }
    return &best;  // the loads have changed meanwhile
  }

  // a/v < b/w without a division.
  static constexpr bool less(std::uint32_t a, std::uint32_t v, std::uint32_t b, std::uint32_t w) noexcept {
    return std::uint64_t{a} * w < std::uint64_t{b} * v;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
