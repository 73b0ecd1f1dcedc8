// Probing past a member that gets no work: a key draws the next number of its own sequence and looks again.
//
// Keys of healthy members never move, the dead one's spread evenly, all come home on its return; no history, one word
// read a try. (The rule of DxHash, Dong and Wang 2021, over any table.)
#pragma once

#include <equipoise/core/random_source.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// One key's sequence within one pick; the `walk` of the policies that hash.
struct probe {
  std::uint64_t drawn = 0;
  bool begun = false;

  // The next number of the sequence that a key begins.
  EQUIPOISE_INLINE std::uint64_t next(std::uint64_t key) noexcept {
    drawn = begun ? mix(drawn + golden_gamma) : key;
    begun = true;
    return drawn;
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
