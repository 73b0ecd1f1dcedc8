// Time comes from the host: reading a clock costs more than a pick.
#pragma once

#include <equipoise/core/config.hpp>

#include <chrono>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// A moment of the host's monotonic clock; a default one means "not known". `std::chrono::steady_clock::now()`
// converts on every platform whose steady clock counts nanoseconds; a simulator counts its own.
using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

namespace detail {

// From one moment to another. Wraps around where a host's numbers are too far apart for nanoseconds.
constexpr std::chrono::nanoseconds elapsed(time_point from, time_point to) noexcept {
  auto const bits = [](time_point t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); };
  return std::chrono::nanoseconds{static_cast<std::int64_t>(bits(to) - bits(from))};
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
