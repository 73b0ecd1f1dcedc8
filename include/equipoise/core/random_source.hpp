// SPDX-License-Identifier: MIT
// Random numbers with a seed, so that a run can be repeated pick for pick.
#pragma once

#include <equipoise/core/config.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
inline constexpr std::uint64_t golden_gamma = 0x9E3779B97F4A7C15;

/// Mixes 64 bits so that each input bit flips about half of the output bits. A bijection. Constant time.
/// Source: the output function of SplitMix64 (Steele, Lea, Flood 2014).
constexpr std::uint64_t mix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// The upper 64 bits of h · n: maps an evenly distributed h to 0 … n − 1 without a division. Constant time.
/// Source: Lemire, "Fast Random Integer Generation in an Interval" (2019).
constexpr std::uint64_t multiply_high(std::uint64_t h, std::uint64_t n) noexcept {
#if defined(__SIZEOF_INT128__)
  __extension__ using wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<wide>(h) * n) >> 64);
#else
  std::uint64_t const a = (h >> 32) * (n & 0xFFFFFFFF), b = (h & 0xFFFFFFFF) * (n >> 32);
  std::uint64_t const low = ((h & 0xFFFFFFFF) * (n & 0xFFFFFFFF) >> 32) + (a & 0xFFFFFFFF) + (b & 0xFFFFFFFF);
  return (h >> 32) * (n >> 32) + (a >> 32) + (b >> 32) + (low >> 32);
#endif
}

namespace detail {
// The same for 32 bits. One 64-bit number gives two such draws.
constexpr std::uint32_t multiply_high32(std::uint32_t h, std::uint32_t n) noexcept {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(h) * n) >> 32);
}
}  // namespace detail

/// A random number generator of eight bytes of state (SplitMix64). A number takes about a nanosecond, and any two seeds
/// give unrelated sequences.
class random_source {
 public:
  constexpr random_source() = default;

  /// The sequence `stream` of `seed`. With `from_the_start`, position() always returns 0; the first picker of seed 0 is
  /// made so, and a test then reads A B C.
  constexpr explicit random_source(std::uint64_t seed, std::uint64_t stream = 0, bool from_the_start = false) noexcept
      : state_{mix(seed + golden_gamma * (mix(stream + 1) | 1))}, from_the_start_{from_the_start} {}

  /// The next 64 random bits.
  constexpr std::uint64_t next() noexcept { return mix(state_ += golden_gamma); }

  /// A number of 0 … n − 1, each equally likely to within 2^-32. Returns 0 if n is 0.
  constexpr std::uint32_t below(std::uint32_t n) noexcept {
    return detail::multiply_high32(static_cast<std::uint32_t>(next() >> 32), n);
  }

  /// Where a cyclic sequence of n places begins. Random, so that the workers of a fleet do not march in step.
  constexpr std::uint64_t position(std::uint64_t n) noexcept { return from_the_start_ ? 0 : multiply_high(next(), n); }

 private:
  std::uint64_t state_ = 0;
  bool from_the_start_ = false;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
