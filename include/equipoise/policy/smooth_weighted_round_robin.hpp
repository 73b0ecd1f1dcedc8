// Smooth weighted round robin: shares by weight, each backend's turns spread out. The order is nginx's:
// weights 3, 2, 1 give A B A C B A; weights 5, 1, 1 give A A B A C A A.
//
// The order is computed once for each membership and then only read. Exact while the weights, divided by their greatest
// common divisor, sum to at most 2^20 and members × sum to at most 2^26 (tens of milliseconds of building). Beyond that
// each has its exact share of max(65 536, 2 · members) turns, rounded to a neighbour and never less than one turn. They
// begin in nginx's order, until the first has had its turns; those of more than 250 members are evenly spread.
// Select: wait-free between publishes; O(1). Memory: 4 bytes a turn.
#pragma once

#include <equipoise/core/policy/policy.hpp>

#include <algorithm>
#include <limits>
#include <numeric>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

struct smooth_weighted_round_robin {
  static constexpr std::string_view name = "smooth_weighted_round_robin";

  struct table {
    std::uint32_t turns = 0;
    std::vector<std::uint32_t> order;  // a member's index for each turn
  };
  struct cursor {
    std::uint32_t next = 0;
  };

  static constexpr std::uint64_t most_exact_turns = 1u << 20;
  static constexpr std::uint64_t most_exact_steps = 1u << 26;
  static constexpr std::size_t rounded_turns = 65'536;
  static constexpr std::uint64_t most_rounded_steps = 1u << 24;

  table build(members_view members) const {
    std::uint64_t divisor = 0, total = 0;
    for (member const& m : members) {
      divisor = std::gcd(divisor, std::uint64_t{m.weight});
      total += m.weight;
    }
    if (members.empty()) return {};
    std::uint64_t const turns = total / divisor;
    bool const equal = turns == members.size();
    bool const exact = turns <= most_exact_turns && turns * members.size() <= most_exact_steps;
    auto const weights = weights_of(members, divisor);
    auto const counts = exact || equal ? weights : rounded(members, total);
    auto const length = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    bool const in_turn = exact || length * members.size() <= most_rounded_steps;
    auto order = in_turn ? smooth(weights, counts) : spread(counts);
    return {static_cast<std::uint32_t>(order.size()), std::move(order)};
  }

  cursor start(table const& t, members_view, random_source& random) const noexcept {
    return {static_cast<std::uint32_t>(random.position(t.turns))};
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick const& k) const noexcept {
    if (c.next >= t.turns) [[unlikely]] {
      if (t.turns == 0) return nullptr;
      c.next %= t.turns;
    }
    return &k.members[t.order[c.next++]];
  }

 private:
  static std::vector<std::uint64_t> weights_of(members_view members, std::uint64_t divisor) {
    std::vector<std::uint64_t> weights(members.size());
    std::transform(members.begin(), members.end(), weights.begin(), [&](member const& m) { return m.weight / divisor; });
    return weights;
  }

  // Each turn, everybody's credit grows by its weight; the greatest (the first of equals) is taken and pays the total.
  // Who has none of its turns left is out: where the turns are the weights, it would not be taken again anyway.
  static std::vector<std::uint32_t> smooth(std::vector<std::uint64_t> const& weights, std::vector<std::uint64_t> left) {
    std::vector<std::int64_t> weight(weights.begin(), weights.end()), credit(weights.size());
    std::int64_t const total = std::accumulate(weight.begin(), weight.end(), std::int64_t{0});
    std::vector<std::uint32_t> order(std::accumulate(left.begin(), left.end(), std::uint64_t{0}));
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
  static std::vector<std::uint64_t> rounded(members_view members, std::uint64_t total) {
    std::size_t const n = members.size();
    std::size_t const wanted = std::max<std::size_t>(rounded_turns, 2 * n);
    std::vector<std::pair<double, std::uint32_t>> remainder(n);
    std::vector<std::uint64_t> count(n);
    std::size_t given = 0;
    for (std::uint32_t i = 0; i != n; ++i) {
      double const ideal = static_cast<double>(members[i].weight) / static_cast<double>(total) * static_cast<double>(wanted);
      count[i] = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(ideal));
      remainder[i] = {static_cast<double>(count[i]) - ideal, i};
      given += count[i];
    }
    std::sort(remainder.begin(), remainder.end());
    for (std::size_t r = 0; given < wanted && r != n; ++r, ++given) ++count[remainder[r].second];
    return count;
  }

  // The k-th of c turns stands at (k + ½) / c of the sequence; of equals, the first comes first.
  static std::vector<std::uint32_t> spread(std::vector<std::uint64_t> const& count) {
    std::vector<std::pair<double, std::uint32_t>> turns;
    for (std::uint32_t i = 0; i != count.size(); ++i)
      for (std::uint64_t k = 0; k != count[i]; ++k)
        turns.emplace_back((static_cast<double>(k) + 0.5) / static_cast<double>(count[i]), i);
    std::sort(turns.begin(), turns.end());
    std::vector<std::uint32_t> order(turns.size());
    std::transform(turns.begin(), turns.end(), order.begin(), [](auto const& t) { return t.second; });
    return order;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
