// SPDX-License-Identifier: MIT
// Round robin: each backend in turn.
//
//   equipoise::balancer lb{pool, equipoise::round_robin{}};
//   auto picker = lb.make_picker();          // one per worker
//   if (auto server = picker.select()) connect(server->address);
//
// Every worker keeps its own position, so workers never contend. Positions start apart, so workers do not march in
// step. Select: lock-free, wait-free between publishes; O(1), at most `tries` + n word tests. A backend that went down
// costs one word test per turn until the next refresh().
#pragma once

#include <equipoise/core/policy/policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Each backend in turn, whatever its weight. See the top of the header.
struct round_robin {
  static constexpr std::string_view name = "round_robin";

  struct table {};  // nothing to build: the list of members is the order
  struct cursor {
    std::uint32_t next = 0;
  };

  static constexpr bool counts_weights = false;

  table build(members_view) const { return {}; }

  cursor start(table const&, members_view members, random_source& random) const noexcept {
    return {static_cast<std::uint32_t>(random.position(members.size()))};
  }

  // A worker goes on with the member that had the turn, however the list has changed.
  std::uint32_t place(cursor const& c) const noexcept { return c.next; }
  void resume(table const&, cursor& c, std::uint32_t place, bool) const noexcept { c.next = place; }

  EQUIPOISE_INLINE proposal propose(table const&, cursor& c, pick const& k) const noexcept {
    if (c.next >= k.members.size()) [[unlikely]] {
      if (k.members.empty()) return nullptr;
      c.next %= static_cast<std::uint32_t>(k.members.size());  // the end, or a shorter list: workers stay apart
    }
    return &k.members[c.next++];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
