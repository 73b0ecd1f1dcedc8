// A backend's name inside one registry: where it sits, and which of the seat's successive owners it is.
#pragma once

#include <equipoise/core/health_flag.hpp>

#include <compare>
#include <cstddef>
#include <functional>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// The word of a backend, and the tag of its id: bits 31 … 12 generation, bits 11 … 0 reasons.
inline constexpr std::uint32_t health_bits = 0xFFF;
inline constexpr std::uint32_t one_generation = health_bits + 1;

}  // namespace detail
// Never reused and never reinterpreted within one registry's life, so it may be kept, sent about and come back late.
// What outlives the process (cookies, logs) must hold the backend's key instead.
struct backend_id {
  std::uint32_t slot = 0;                                           // index into every per-backend array
  std::uint32_t tag = static_cast<std::uint32_t>(health_flag::removed);  // the word this incarnation has when it is well

  // False for a default id and for most forged ones; no mask lets such an id through.
  constexpr explicit operator bool() const noexcept { return tag >= detail::one_generation && (tag & detail::health_bits) == 0; }
  friend constexpr auto operator<=>(backend_id const&, backend_id const&) = default;
};

// "#slot.generation", or "#none".
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
