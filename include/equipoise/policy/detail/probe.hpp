// SPDX-License-Identifier: MIT
// How a key goes on when its owner gets no work: it draws the next number of its own sequence and looks again.
//
// The keys of healthy members never move. The keys of a dead one spread evenly and return with it. Nothing is
// remembered, and each try reads one word. Source: the rule of DxHash (Dong, Wang 2021), over any table.
#pragma once

#include <equipoise/core/random_source.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// One key's sequence in one pick: the pick_state of the policies that hash.
struct probe {
  std::uint64_t drawn = 0;
  bool begun = false;

  // The next number of the sequence that the key begins.
  EQUIPOISE_INLINE std::uint64_t next(std::uint64_t key) noexcept {
    drawn = begun ? mix(drawn + golden_gamma) : key;
    begun = true;
    return drawn;
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
