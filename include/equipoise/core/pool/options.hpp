// SPDX-License-Identifier: MIT
// How a pool is made, and what it tells its observer.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/clock.hpp>
#include <equipoise/core/error.hpp>

#include <concepts>

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

/// As "#16.1: ejected, was up". Allocates. (A template, so that only programs that ask for it compile it.)
template <std::same_as<event> Event>
std::string to_string(Event const& e) {
  return to_string(e.id) + ": " + to_string(e.after) + ", was " + to_string(e.before);
}

/// How a pool is made. The pool's constructor fails if a value is out of range.
struct pool_options {
  /// The number of slots, 1 … 2^28. Unused slots cost no memory. Removed backends that still have leases take a slot,
  /// and so does a backend that is removed in a change until that change is over: replacing all members at once needs
  /// twice as many.
  std::uint32_t capacity = 65'536;
  /// Counters of the work in flight per backend, 1 … 1024. One is exact and cheap to read. One per worker is never
  /// contended.
  std::uint32_t counter_stripes = 1;
  bool observations = false;  ///< keep what leases report: 64 bytes per backend
  /// The flags against a backend that joins, set before any pick can see it. With `down` it waits for its first good
  /// check. Not `removed` or `zero_weight`. The observer is not told.
  health_flag joins_with = health_flag::none;
  void (*observer)(void* context, event const&) noexcept = nullptr;  ///< called for each event with `context`
  void* context = nullptr;                                           ///< the observer's first argument
};

/// What pool::assign() does with a list that has a bad entry: an empty key, a key that was listed before, or a number
/// that is out of range.
enum class bad_entry : std::uint8_t {
  refuse,          ///< fails, and changes nothing
  skip,            ///< leaves the entry out: of two with the same key, the first counts
  keep_last_good,  ///< changes nothing; nor does a list that a policy's build refuses, or for which there is no room
};

/// How pool::assign() treats its list.
struct assign_options {
  /// An empty list changes nothing, nor does one of which every entry is left out. An empty answer of service discovery
  /// more often means a fault than an empty fleet.
  bool keep_last_good = false;
  bad_entry on_bad_entry = bad_entry::refuse;  ///< what happens to a list with such an entry
  /// An object that differs from the one with its key ends that membership and begins a new one: with a new id,
  /// healthy, and without work in flight.
  bool rejoin_changed = false;
  /// When the backends that join begin to take work, for policies with slow_start. A default one: long ago.
  time_point joined_at = {};
  /// More flags against the backends that join, beside pool_options::joins_with, and set as those.
  health_flag joins_with = health_flag::none;
};

/// What pool::assign() did. It converts to bool, and compares with one: whether anything changed.
struct assign_result {
  std::size_t added = 0;     ///< keys that were no member's
  std::size_t removed = 0;   ///< members that were not listed
  std::size_t replaced = 0;  ///< members with another object now
  std::size_t updated = 0;   ///< members with the same object and other attributes
  std::size_t kept = 0;      ///< members that are as they were
  std::size_t skipped = 0;   ///< bad entries that were left out
  bool reordered = false;    ///< members changed places with each other
  bool refused = false;      ///< the list was not taken, and the last good one stays
  std::string mistake = {};  ///< what is wrong with the first bad entry or with the list; empty if nothing is

  operator bool() const noexcept { return added + removed + replaced + updated != 0 || reordered; }
  friend bool operator==(assign_result const& r, bool changed) noexcept { return static_cast<bool>(r) == changed; }
};

namespace detail {
// All but those that are the pool's own.
inline constexpr health_flag settable_flags =
    without(static_cast<health_flag>(health_bits), health_flag::removed | health_flag::zero_weight);

// Fails if a value is out of range.
inline pool_options const& checked(pool_options const& o) {
  if (o.capacity == 0 || o.capacity > 1u << 28)
    fail("equipoise: pool_options::capacity " + std::to_string(o.capacity) + " is outside 1 … 268435456");
  if (o.counter_stripes == 0 || o.counter_stripes > 1024)
    fail("equipoise: pool_options::counter_stripes " + std::to_string(o.counter_stripes) + " is outside 1 … 1024");
  if (without(o.joins_with, settable_flags) != health_flag::none)
    fail("equipoise: pool_options::joins_with " + to_string(o.joins_with) + " has a flag that is the pool's own");
  return o;
}
}  // namespace detail

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
