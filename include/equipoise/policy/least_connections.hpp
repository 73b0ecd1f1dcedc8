// SPDX-License-Identifier: MIT
// Least connections: the backend with the least work in flight for its weight; among equals, each in turn.
//
// Exact at rest and for one worker; with several workers, exact up to the picks in progress. Work counts from the pick
// on, so connections that are still being opened count too. Use it with acquire(): the next pick does not see a
// select(). Select: wait-free between publishes; O(members × counter stripes). With many backends power_of_two is
// nearly as good at O(1).
#pragma once

#include <equipoise/core/policy/policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The backend with the least work in flight for its weight. See the top of the header.
struct least_connections {
  static constexpr std::string_view name = "least_connections";

  struct table {};
  struct cursor {
    std::uint32_t next = 0;  // ties begin one past the last one chosen
  };
  // The previous proposal of this pick. The next one is the least of those behind it in the order (load, turn).
  struct pick_state {
    bool again = false;
    std::uint32_t load = 0, weight = 1, turn = 0, base = 0;
  };

  table build(members_view) const { return {}; }
  cursor start(table const&, members_view members, random_source& random) const noexcept {
    return {static_cast<std::uint32_t>(random.position(members.size()))};
  }

  EQUIPOISE_INLINE proposal propose(table const&, cursor& c, pick_state& s, pick const& k) const noexcept {
    auto const n = static_cast<std::uint32_t>(k.members.size());
    if (n == 0) return nullptr;
    if (!s.again) s.base = c.next < n ? c.next : c.next % n;
    member const* best = nullptr;
    std::uint32_t best_load = 0, best_turn = 0;
    for (std::uint32_t turn = 0, i = s.base; turn != n; ++turn, i = i + 1 == n ? 0 : i + 1) {
      member const& m = k.members[i];
      std::uint32_t const load = k.in_flight(m);
      k.compared(m, "load", static_cast<double>(load) / m.weight);
      if (best != nullptr && !less(load, m.weight, best_load, best->weight)) continue;
      bool const behind =
          less(s.load, s.weight, load, m.weight) || (!less(load, m.weight, s.load, s.weight) && turn > s.turn);
      if ((s.again && !behind) || !k.admits(m)) continue;
      best = &m, best_load = load, best_turn = turn;
    }
    if (best == nullptr) return nullptr;
    s = {true, best_load, best->weight, best_turn, s.base};
    c.next = static_cast<std::uint32_t>(best - k.members.data()) + 1;
    return best;
  }

 private:
  // a/v < b/w without a division.
  static constexpr bool less(std::uint32_t a, std::uint32_t v, std::uint32_t b, std::uint32_t w) noexcept {
    return std::uint64_t{a} * w < std::uint64_t{b} * v;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
