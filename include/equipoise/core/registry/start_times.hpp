// SPDX-License-Identifier: MIT
// When each backend last began to take work: policies give it little at first, if slow_start is around them. The times
// are the application's. A time belongs to one membership, so the next one in the slot has none.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/clock.hpp>
#include <equipoise/core/zeroed_array.hpp>

#include <atomic>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

struct start_orders {
  static constexpr auto replace = std::memory_order_release;  // 1, after the word of a new membership was stored
  static constexpr auto look = std::memory_order_acquire;     // 2, pairs with 1: then that word is read
};

// A time that comes too late for its membership never replaces that of the next one. A template on the atomic, so that
// a model checker runs this very code, and on the memory orders, so that it can show that each is needed.
template <class Orders = start_orders>
struct start_protocol {
  // Puts a time in, unless is_current() is false by then. Lock-free.
  template <class Word, class IsCurrent>
  static bool note(Word& word, std::uint64_t value, IsCurrent is_current) noexcept {
    std::uint64_t old;
    do {
      old = word.load(Orders::look);
      if (!is_current()) return false;
    } while (!word.compare_exchange_weak(old, value, Orders::replace, std::memory_order_relaxed));
    return true;
  }
};

// A word for each slot: the generation in the upper 20 bits, and milliseconds in the lower 44, which is 557 years. A
// pick that starts after a time was noted sees it; one that runs meanwhile may take the backend for one that began long
// ago.
class start_times {
 public:
  explicit start_times(std::uint32_t slots) : words_{slots} {}

  // Notes that the backend begins now, unless is_current(id) is false by then. Lock-free.
  template <class IsCurrent>
  bool note(backend_id id, time_point now, IsCurrent is_current) noexcept {
    if (!start_protocol<>::note(words_[id.slot], packed(id, now), [&] { return is_current(id); })) return false;
    std::int64_t const ns = now.time_since_epoch().count();
    std::int64_t latest = latest_.load(relaxed);
    while (latest < ns && !latest_.compare_exchange_weak(latest, ns, relaxed)) {
    }
    return true;
  }
  // The same for a membership that is not published yet.
  void note(backend_id id, time_point now) noexcept {
    note(id, now, [](backend_id) { return true; });
  }

  // Whether any backend may have begun less than that long ago. One load.
  EQUIPOISE_INLINE bool any_within(std::chrono::nanoseconds window, time_point now) const noexcept {
    return elapsed(time_point{std::chrono::nanoseconds{latest_.load(relaxed)}}, now) < window;
  }

  // How long ago the backend began, in whole milliseconds; 0 if that is still to come, and `long_ago` if it is not
  // known. One load.
  static constexpr std::chrono::milliseconds long_ago{std::int64_t{1} << 44};
  std::chrono::milliseconds age(backend_id id, time_point now) const noexcept {
    std::uint64_t const word = words_[id.slot].load(relaxed);
    if (word >> time_bits != id.tag >> 12) return long_ago;
    std::uint64_t const difference = (packed(id, now) - word) << (64 - time_bits);  // modulo 2^44, with a sign
    auto const age = static_cast<std::int64_t>(difference) >> (64 - time_bits);
    return std::chrono::milliseconds{age > 0 ? age : 0};
  }

 private:
  static constexpr auto relaxed = std::memory_order_relaxed;
  static constexpr int time_bits = 44;
  static constexpr std::int64_t never = -(std::int64_t{1} << 62);  // 146 years before the clock's zero

  static std::uint64_t packed(backend_id id, time_point t) noexcept {
    auto const ms = std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
    constexpr std::uint64_t mask = (std::uint64_t{1} << time_bits) - 1;
    return std::uint64_t{id.tag >> 12} << time_bits | (static_cast<std::uint64_t>(ms) & mask);
  }

  zeroed_array<std::atomic<std::uint64_t>> words_;
  alignas(cache_line) std::atomic<std::int64_t> latest_{never};  // apart from what is written often
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
