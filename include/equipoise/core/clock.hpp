// Time comes from the host: reading a clock costs more than a pick.
#pragma once

#include <equipoise/core/config.hpp>

#include <chrono>

namespace equipoise::inline EQUIPOISE_ABI {

// A moment of the host's monotonic clock; a default one means "not known". `std::chrono::steady_clock::now()`
// converts on every platform whose steady clock counts nanoseconds; a simulator counts its own.
using tick = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

}  // namespace equipoise::inline EQUIPOISE_ABI
