// SPDX-License-Identifier: MIT
// Weighted random: each backend as likely as its weight says. No order, no bursts, any weights.
//
// Select: wait-free between publishes; O(1), one draw. Build: O(members).
#pragma once

#include <equipoise/core/policy/policy.hpp>
#include <equipoise/policy/detail/alias_table.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Any backend, in proportion to its weight. See the top of the header.
struct weighted_random {
  static constexpr std::string_view name = "weighted_random";

  using table = detail::alias_table;
  struct cursor {
    random_source draw;
  };

  table build(members_view members) const { return table{members}; }
  cursor start(table const&, members_view, random_source& source) const noexcept {
    return {random_source{source.next()}};
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick const& k) const noexcept {
    if (k.members.empty()) [[unlikely]]
      return nullptr;
    return &k.members[t(c.draw.next())];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
