// SPDX-License-Identifier: MIT
// XXH64: a fast, well mixed hash of 64 bits. Bit-exact for any seed. Source: Yann Collet, xxHash 0.8 specification.
#pragma once

#include <equipoise/core/config.hpp>

#include <bit>
#include <cstring>
#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
inline constexpr std::uint64_t xxh_primes[5] = {0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                                                0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5};

template <class Word>
EQUIPOISE_INLINE Word read_little_endian(char const* p) noexcept {
  Word w;
  std::memcpy(&w, p, sizeof w);
  if constexpr (std::endian::native == std::endian::big) {
    Word swapped = 0;
    for (std::size_t i = 0; i != sizeof w; ++i) swapped = static_cast<Word>(swapped << 8 | (w >> (8 * i) & 0xFF));
    return swapped;
  }
  return w;
}

EQUIPOISE_INLINE std::uint64_t xxh_round(std::uint64_t lane, std::uint64_t input) noexcept {
  return std::rotl(lane + input * xxh_primes[1], 31) * xxh_primes[0];
}
}  // namespace detail

/// The XXH64 hash of a text. Wait-free; O(length).
inline std::uint64_t xxh64(std::string_view text, std::uint64_t seed = 0) noexcept {
  using namespace detail;
  char const* p = text.data();
  char const* const end = p + text.size();
  std::uint64_t h;
  if (text.size() >= 32) {
    std::uint64_t lanes[4] = {seed + xxh_primes[0] + xxh_primes[1], seed + xxh_primes[1], seed, seed - xxh_primes[0]};
    for (; end - p >= 32; p += 32)
      for (std::size_t i = 0; i != 4; ++i) lanes[i] = xxh_round(lanes[i], read_little_endian<std::uint64_t>(p + 8 * i));
    h = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (std::uint64_t lane : lanes) h = (h ^ xxh_round(0, lane)) * xxh_primes[0] + xxh_primes[3];
  } else {
    h = seed + xxh_primes[4];
  }
  h += text.size();
  for (; end - p >= 8; p += 8)
    h = std::rotl(h ^ xxh_round(0, read_little_endian<std::uint64_t>(p)), 27) * xxh_primes[0] + xxh_primes[3];
  if (end - p >= 4) {
    h = std::rotl(h ^ read_little_endian<std::uint32_t>(p) * xxh_primes[0], 23) * xxh_primes[1] + xxh_primes[2];
    p += 4;
  }
  for (; p != end; ++p) h = std::rotl(h ^ static_cast<unsigned char>(*p) * xxh_primes[4], 11) * xxh_primes[0];
  h = (h ^ h >> 33) * xxh_primes[1];
  h = (h ^ h >> 29) * xxh_primes[2];
  return h ^ h >> 32;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
