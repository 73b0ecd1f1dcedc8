// SPDX-License-Identifier: MIT
// Draws by weight in O(1): one number, one comparison. Source: Walker (1977), built by the linear method of Vose
// (1991).
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/random_source.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Shares are exact to 2^-32 of a column. Equal weights need no table and draw as a policy without weights does.
class alias_table {
 public:
  alias_table() = default;

  explicit alias_table(members_view members) : size_{static_cast<std::uint32_t>(members.size())} {
    std::uint64_t total = 0;
    bool uniform = true;
    for (member const& m : members) {
      total += m.weight;
      uniform = uniform && m.weight == members[0].weight;
    }
    if (uniform) return;
    // Column i holds weight · n of `total`. What a short column lacks is filled from a long one.
    array<double> share(size_);
    auto small = array<std::uint32_t>::with_room(size_), large = array<std::uint32_t>::with_room(size_);
    columns_ = array<column>(size_);
    for (std::uint32_t i = 0; i != size_; ++i) {
      share[i] = static_cast<double>(members[i].weight) * size_ / static_cast<double>(total);
      (share[i] < 1 ? small : large).append(i);
    }
    while (!small.empty() && !large.empty()) {
      std::uint32_t const s = small.take_last(), l = large.back();
      columns_[s] = {static_cast<std::uint32_t>(share[s] * 4294967296.0), l};
      share[l] -= 1 - share[s];
      if (share[l] < 1) {
        small.append(large.take_last());
      }
    }
    for (auto const* rest : {&small, &large})  // full, except for rounding
      for (std::uint32_t i : *rest) columns_[i] = {0xFFFFFFFF, i};
  }

  // Whether all weights are equal, or there are no members.
  bool uniform() const noexcept { return columns_.empty(); }

  // The index that one 64-bit number draws: the upper half names the column, the lower half decides within it.
  EQUIPOISE_INLINE std::uint32_t operator()(std::uint64_t draw) const noexcept {
    std::uint32_t const i = multiply_high32(static_cast<std::uint32_t>(draw >> 32), size_);
    if (columns_.empty()) return i;
    column const c = columns_[i];
    return static_cast<std::uint32_t>(draw) < c.threshold ? i : c.alias;
  }

 private:
  struct column {
    std::uint32_t threshold, alias;
  };
  array<column> columns_;
  std::uint32_t size_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
