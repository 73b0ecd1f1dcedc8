// SPDX-License-Identifier: MIT
// The identity of a backend in one pool: its slot, and which of the slot's successive owners it is.
#pragma once

#include <equipoise/core/health_flag.hpp>

#include <compare>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// A backend's state word, and the tag of its id: bits 31 … 12 are the generation, bits 11 … 0 the health flags.
inline constexpr std::uint32_t health_bits = 0xFFF;
inline constexpr std::uint32_t one_generation = health_bits + 1;

}  // namespace detail

/// The identity of one membership of a backend. A pool never gives the same id twice, so an id may be stored, passed
/// between threads, and come back late. Each pool of a program counts from another number, so an id is practically
/// always unknown to the other pools. Data that outlives the process (cookies, logs) must hold the backend's key.
struct backend_id {
  std::uint32_t slot = 0;  ///< the index of the backend in every per-backend array of the pool
  /// The state word that this membership has while it is healthy.
  std::uint32_t tag = static_cast<std::uint32_t>(health_flag::removed);

  /// False for a default id and for most forged ones. No admission mask lets such an id through.
  constexpr explicit operator bool() const noexcept {
    return tag >= detail::one_generation && (tag & detail::health_bits) == 0;
  }
  friend constexpr auto operator<=>(backend_id const&, backend_id const&) = default;
};

/// "#slot.generation", or "#none" for an id that is false.
inline std::string to_string(backend_id id) {
  return id ? "#" + std::to_string(id.slot) + "." + std::to_string(id.tag / detail::one_generation) : "#none";
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

template <>
struct std::hash<equipoise::backend_id> {
  std::size_t operator()(equipoise::backend_id id) const noexcept {
    return static_cast<std::size_t>((std::uint64_t{id.tag} << 32 | id.slot) * 0x9E3779B97F4A7C15 >> 16);
  }
};
