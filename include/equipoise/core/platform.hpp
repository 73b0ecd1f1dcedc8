// SPDX-License-Identifier: MIT
// Parts of the standard library that the core needs, without their expensive neighbours: std::mutex and
// std::lock_guard, std::chrono's durations and time points; and two calls to the operating system.
//
// Every program that includes equipoise pays for what is included here. In libstdc++ the headers <mutex> and <chrono>
// bring calendars, streams and character conversions. Where libstdc++ has the small headers behind them, those are
// used.
#pragma once

#include <equipoise/core/config.hpp>

#include <cstddef>  // the macros that tell the standard library

#if defined(__GLIBCXX__) && __has_include(<bits/chrono.h>) && __has_include(<bits/std_mutex.h>)
// IWYU pragma: begin_exports
#include <bits/chrono.h>
#include <bits/std_mutex.h>
// IWYU pragma: end_exports
#else
#include <chrono>  // IWYU pragma: export
#include <mutex>   // IWYU pragma: export
#endif

#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#include <sys/random.h>
#else
#include <random>
#include <thread>
#endif

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// 64 random bits from the operating system. Blocking; falls back to an address where the system has none to give.
inline std::uint64_t entropy() {
  std::uint64_t bits = 0;
#if defined(__unix__) || defined(__APPLE__)
  if (::getentropy(&bits, sizeof bits) != 0) bits = reinterpret_cast<std::uintptr_t>(&bits);
#else
  std::random_device source;
  bits = std::uint64_t{source()} << 32 | source();
#endif
  return bits;
}

// Lets another thread run.
inline void yield() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  ::sched_yield();
#else
  std::this_thread::yield();
#endif
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
