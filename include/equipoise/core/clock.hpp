// SPDX-License-Identifier: MIT
// Time comes from the application: the library reads no clock, because reading one costs more than a pick.
#pragma once

#include <equipoise/core/platform.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A moment of the application's monotonic clock, in nanoseconds. A default one means "unknown".
/// `std::chrono::steady_clock::now()` converts on every platform whose steady clock counts nanoseconds. A simulator
/// counts its own.
using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

namespace detail {

// From one moment to another. Wraps around, without undefined behaviour, where the numbers are too far apart.
constexpr std::chrono::nanoseconds elapsed(time_point from, time_point to) noexcept {
  auto const start = static_cast<std::uint64_t>(from.time_since_epoch().count());
  auto const end = static_cast<std::uint64_t>(to.time_since_epoch().count());
  return std::chrono::nanoseconds{static_cast<std::int64_t>(end - start)};
}

// t + d, or the last moment that there is.
constexpr time_point later(time_point t, std::chrono::nanoseconds d) noexcept {
  return d > std::chrono::nanoseconds{0} && t > time_point::max() - d ? time_point::max() : t + d;
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
