// Time comes from the host: reading a clock costs more than a pick.
#pragma once

#include <equipoise/core/config.hpp>

#include <chrono>

namespace equipoise::inline EQUIPOISE_ABI {

// A moment of the host's monotonic clock; a default one means "not known". `std::chrono::steady_clock::now()`
// converts on every platform whose steady clock counts nanoseconds; a simulator counts its own.
using tick = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// From one moment to another. Wraps around where a host's numbers are too far apart for nanoseconds.
constexpr std::chrono::nanoseconds elapsed(tick from, tick to) noexcept {
  auto const bits = [](tick t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); };
  return std::chrono::nanoseconds{static_cast<std::int64_t>(bits(to) - bits(from))};
}

}  // namespace equipoise::inline EQUIPOISE_ABI
