// SPDX-License-Identifier: MIT
// Which members a pick may have although they are unhealthy: what a panic changes.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/member.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// All members, or those of a set. It never widens more than admission::panic does: maintenance, draining, removed,
// zero_weight and the flags of the application always count. All functions of a set are wait-free.
class widening {
 public:
  widening() = default;  // all members

  // An empty set, with room for these members.
  explicit widening(array_view<member const> members) {
    std::uint32_t last = 0;
    for (member const& m : members) last = last < m.id.slot ? m.id.slot : last;
    bits_ = array<std::atomic<std::uint64_t>>(last / 64 + 1);
  }

  bool has(member const& m) const noexcept {
    return bits_.empty() || (m.id.slot / 64 < bits_.size() &&
                             (bits_[m.id.slot / 64].load(std::memory_order_relaxed) >> m.id.slot % 64 & 1) != 0);
  }
  admission mask_of(member const& m) const noexcept { return has(m) ? admission::panic : admission::new_work; }

  // Puts a member into the set or takes it out. There must be room. Writes only what changes, so workers that agree do
  // not contend. (The set is a hint that a table shares among its workers; the state words decide.)
  void put(member const& m, bool is_in) const noexcept {
    if (has(m) == is_in) return;
    auto& word = bits_[m.id.slot / 64];
    std::uint64_t const bit = std::uint64_t{1} << m.id.slot % 64;
    if (is_in)
      word.fetch_or(bit, std::memory_order_relaxed);
    else
      word.fetch_and(~bit, std::memory_order_relaxed);
  }

 private:
  mutable array<std::atomic<std::uint64_t>> bits_;  // by slot
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
