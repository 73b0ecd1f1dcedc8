// SPDX-License-Identifier: MIT
// Random: any backend, each equally likely. Workers need no agreement, and show no common order.
//
// Select: wait-free between publishes; O(1), one draw.
#pragma once

#include <equipoise/core/policy/policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Any backend, whatever its weight. See the top of the header.
struct random {
  static constexpr std::string_view name = "random";

  struct table {};
  struct cursor {
    random_source draw;
  };

  static constexpr bool counts_weights = false;

  table build(members_view) const { return {}; }
  cursor start(table const&, members_view, random_source& source) const noexcept {
    return {random_source{source.next()}};
  }

  EQUIPOISE_INLINE proposal propose(table const&, cursor& c, pick const& k) const noexcept {
    if (k.members.empty()) [[unlikely]]
      return nullptr;
    return &k.members[c.draw.below(static_cast<std::uint32_t>(k.members.size()))];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
