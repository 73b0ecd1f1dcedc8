// SPDX-License-Identifier: MIT
// Weighted round robin in the textbook's order: each backend as many times in a row as its weight says. Weights 3, 2, 1
// give A A A B B C, and again. These are bursts; smooth_weighted_round_robin gives the same shares without them.
//
// Select: wait-free between publishes; O(1). No table, whatever the weights.
#pragma once

#include <equipoise/core/policy/policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Each backend in a run as long as its weight. See the top of the header.
struct weighted_round_robin {
  static constexpr std::string_view name = "weighted_round_robin";
  static constexpr std::uint32_t tries = 64;

  struct table {};
  struct cursor {
    std::uint32_t at = 0;    // the member whose run this is
    std::uint32_t used = 0;  // how much of the run is used; the weight may have become smaller since
  };
  struct pick_state {
    bool again = false;
  };

  table build(members_view) const { return {}; }

  // A place among all turns, so that the first picks of a fleet follow the weights. O(members), once per worker.
  cursor start(table const&, members_view members, random_source& random) const noexcept {
    std::uint64_t total = 0;
    for (member const& m : members) total += m.weight;
    std::uint64_t turn = random.position(total);
    cursor c;
    while (turn >= members[c.at].weight) turn -= members[c.at++].weight;
    c.used = static_cast<std::uint32_t>(turn);
    return c;
  }

  std::uint32_t place(cursor const& c) const noexcept { return c.at; }
  void resume(table const&, cursor& c, std::uint32_t place, bool is_same) const noexcept {
    c = {place, is_same ? c.used : 0};
  }

  EQUIPOISE_INLINE proposal propose(table const&, cursor& c, pick_state& s, pick const& k) const noexcept {
    auto const n = static_cast<std::uint32_t>(k.members.size());
    if (c.at >= n) [[unlikely]] {
      if (n == 0) return nullptr;
      c = {c.at % n, 0};
    }
    // A turn that its member may not have goes to another one by weight: the one behind a heavy member would get
    // all of them.
    if (s.again) return nullptr;
    s.again = true;
    if (c.used >= k.members[c.at].weight) c = {c.at + 1 == n ? 0 : c.at + 1, 0};
    ++c.used;
    return &k.members[c.at];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
