// SPDX-License-Identifier: MIT
// How a pool is made, and what it tells its observer.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/error.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A change of a backend's health, as the observer of a pool receives it.
///
/// The observer runs on the thread that made the change, after the change counts, with no lock held. Events of two
/// threads may arrive in either order, so an observer that keeps a state must read pool::health() again. Joins,
/// removals and weights are not reported: they are the application's own calls. There is no time, because the core has
/// no clock.
struct event {
  backend_id id;       ///< the backend
  health_flag before;  ///< the flags against it before the change
  health_flag after;   ///< the flags against it since the change
};

/// How a pool is made. The pool's constructor fails if a value is out of range.
struct pool_options {
  /// The number of slots, 1 … 2^28. Unused slots cost no memory. Removed backends that still have leases take a slot,
  /// and so does a backend that is removed in a change until that change is over: replacing all members at once needs
  /// twice as many.
  std::uint32_t capacity = 65'536;
  /// Counters of the work in flight per backend, 1 … 1024. One is exact and cheap to read. One per worker is never
  /// contended.
  std::uint32_t counter_stripes = 1;
  bool observations = false;                                         ///< keep what leases report: 64 bytes per backend
  void (*observer)(void* context, event const&) noexcept = nullptr;  ///< called for each event with `context`
  void* context = nullptr;                                           ///< the observer's first argument
};

/// How pool::assign() treats its list.
struct assign_options {
  /// An empty list changes nothing. An empty answer of service discovery more often means a fault than an empty fleet.
  bool keep_last_good = false;
};

namespace detail {
// Fails if a value is out of range.
inline pool_options const& checked(pool_options const& o) {
  if (o.capacity == 0 || o.capacity > 1u << 28)
    fail("equipoise: pool_options::capacity " + std::to_string(o.capacity) + " is outside 1 … 268435456");
  if (o.counter_stripes == 0 || o.counter_stripes > 1024)
    fail("equipoise: pool_options::counter_stripes " + std::to_string(o.counter_stripes) + " is outside 1 … 1024");
  return o;
}
}  // namespace detail

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
