// SPDX-License-Identifier: MIT
// Smooth weighted round robin: shares by weight, with the turns of each backend spread out. The order is nginx's:
// weights 3, 2, 1 give A B A C B A, and weights 5, 1, 1 give A A B A C A A.
//
// The order is computed once per membership and then only read. Shares are exact as long as the weights, divided by
// their greatest common divisor, sum to at most 2^20. Larger weights are rounded to max(65 536, 2 · members) turns, and
// each member gets at least one. The order is nginx's as long as members × turns is at most 2^26, which takes tens of
// milliseconds to build; beyond that the turns of each member are evenly spread. With rounded turns, nginx's order
// holds until the first member has had all of its turns. Select: wait-free between publishes; O(1). Memory: 4 bytes per
// turn.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/policy/policy.hpp>

#include <limits>
#include <numeric>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Shares by weight in nginx's order. See the top of the header.
struct smooth_weighted_round_robin {
  static constexpr std::string_view name = "smooth_weighted_round_robin";

  struct table {
    std::uint32_t turns = 0;
    detail::array<std::uint32_t> order;  // the index of a member for each turn
  };
  struct cursor {
    std::uint32_t next = 0;
    std::uint32_t turns = 0;  // of the table that `next` is a turn of
    double rest = 0;          // of a turn, from the last change of the table
  };

  static constexpr std::uint64_t most_exact_turns = 1u << 20;
  static constexpr std::uint64_t most_smooth_steps = 1u << 26;
  static constexpr std::size_t rounded_turns = 65'536;

  table build(members_view members) const {
    if (members.empty()) return {};
    std::uint64_t divisor = 0, total = 0;
    for (member const& m : members) {
      divisor = std::gcd(divisor, std::uint64_t{m.weight});
      total += m.weight;
    }
    counts weights(members.size());
    for (std::size_t i = 0; i != members.size(); ++i) weights[i] = members[i].weight / divisor;
    bool const exact = total / divisor <= most_exact_turns || total / divisor <= members.size();
    auto turns = exact ? weights.copy() : rounded(members, total);
    auto const length = sum(turns);
    auto order = length * members.size() <= most_smooth_steps ? smooth(weights, std::move(turns)) : spread(turns);
    return {static_cast<std::uint32_t>(order.size()), std::move(order)};
  }

  cursor start(table const& t, members_view, random_source& random) const noexcept {
    return {static_cast<std::uint32_t>(random.position(t.turns)), t.turns};
  }
  // A worker goes on at the same part of the sequence: the turns of each member are spread over all of it, so a member
  // keeps its share however often the table changes.
  void resume(table const& t, cursor& c) const noexcept {
    if (c.turns != 0 && t.turns != c.turns) {
      double const part = (static_cast<double>(c.next % c.turns) + c.rest) / c.turns * t.turns;
      c.next = static_cast<std::uint32_t>(part);
      c.rest = part - c.next;
    }
    c.turns = t.turns;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick const& k) const noexcept {
    if (c.next >= t.turns) [[unlikely]] {
      if (t.turns == 0) return nullptr;
      c.next %= t.turns;
    }
    return &k.members[t.order[c.next++]];
  }

 private:
  using counts = detail::array<std::uint64_t>;  // by member
  struct ranked {
    double rank;
    std::uint32_t member;
  };

  static std::uint64_t sum(counts const& these) noexcept {
    std::uint64_t total = 0;
    for (std::uint64_t n : these) total += n;
    return total;
  }
  static void sort(detail::array<ranked>& these) {
    detail::sort(these, [](ranked const& a, ranked const& b) {
      return a.rank != b.rank ? a.rank < b.rank : a.member < b.member;
    });
  }

  // In each turn the credit of every member grows by its weight. The greatest credit (the first of equals) is taken and
  // pays the total. A member that has none of its turns left is out.
  static detail::array<std::uint32_t> smooth(counts const& weights, counts left) {
    detail::array<std::int64_t> weight(weights.size()), credit(weights.size());
    for (std::size_t i = 0; i != weights.size(); ++i) weight[i] = static_cast<std::int64_t>(weights[i]);
    auto const total = static_cast<std::int64_t>(sum(weights));
    detail::array<std::uint32_t> order(sum(left));
    for (auto& turn : order) {
      std::size_t best = 0;
      for (std::size_t i = 0; i != weight.size(); ++i) {
        credit[i] += weight[i];
        if (credit[i] > credit[best]) best = i;
      }
      credit[best] -= total;
      if (--left[best] == 0) weight[best] = 0, credit[best] = std::numeric_limits<std::int64_t>::min();
      turn = static_cast<std::uint32_t>(best);
    }
    return order;
  }

  // Turns by largest remainder, at least one each.
  static counts rounded(members_view members, std::uint64_t total) {
    std::size_t const n = members.size();
    std::size_t const wanted = 2 * n < rounded_turns ? rounded_turns : 2 * n;
    detail::array<ranked> remainder(n);
    counts count(n);
    std::size_t given = 0;
    for (std::uint32_t i = 0; i != n; ++i) {
      double const ideal =
          static_cast<double>(members[i].weight) / static_cast<double>(total) * static_cast<double>(wanted);
      count[i] = ideal < 1 ? 1 : static_cast<std::uint64_t>(ideal);
      remainder[i] = {static_cast<double>(count[i]) - ideal, i};
      given += count[i];
    }
    sort(remainder);
    for (std::size_t r = 0; given < wanted && r != n; ++r, ++given) ++count[remainder[r].member];
    return count;
  }

  // The k-th of c turns stands at (k + ½) / c of the sequence; among equals the first member comes first.
  static detail::array<std::uint32_t> spread(counts const& count) {
    auto turns = detail::array<ranked>::with_room(sum(count));
    for (std::uint32_t i = 0; i != count.size(); ++i)
      for (std::uint64_t k = 0; k != count[i]; ++k)
        turns.append({(static_cast<double>(k) + 0.5) / static_cast<double>(count[i]), i});
    sort(turns);
    detail::array<std::uint32_t> order(turns.size());
    for (std::size_t i = 0; i != order.size(); ++i) order[i] = turns[i].member;
    return order;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
