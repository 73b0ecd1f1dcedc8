// SPDX-License-Identifier: MIT
// The state word and the lease: which backend may get work, and how work is counted. Announce, then validate.
//
//   take:    count += 1; if the word admits: granted, else count −= 1                  (a picker)
//   remove:  word |= removed; once the counts were zero, no lease is held ever again   (the pool)
//
// The flag and the announcement are both sequentially consistent read-modify-writes, each followed by a load of the
// other's variable, so one of the two always sees the other. Therefore a slot can be given to another backend without a
// grace period. The functions are templates on the atomic, so that a model checker runs this very code, and on the
// memory orders, so that it can show that each of them is needed.
#pragma once

#include <equipoise/core/backend_id.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

struct lease_orders {
  static constexpr auto announce = std::memory_order_seq_cst;   // 1, before 2; pairs with 4 after 3
  static constexpr auto validate = std::memory_order_seq_cst;   // 2
  static constexpr auto mark = std::memory_order_seq_cst;       // 3, before 4; pairs with 2 after 1
  static constexpr auto zero_test = std::memory_order_seq_cst;  // 4, acquires every 5: the holders' work is over
  static constexpr auto give = std::memory_order_seq_cst;       // 5, releases the work; see release_log.hpp
};

// Whether the word equals the tag in every bit that the mask looks at: no flag is set against the backend.
constexpr bool admits(std::uint32_t word, std::uint32_t tag, admission mask) noexcept {
  return ((word ^ tag) & static_cast<std::uint32_t>(mask)) == 0;
}

// Whether a word still belongs to this membership, whatever flags are set.
constexpr bool same_generation(std::uint32_t word, std::uint32_t tag) noexcept {
  return ((word ^ tag) & ~health_bits) == 0;
}

template <class Orders = lease_orders>
struct lease_protocol {
  // Counts one piece of work. True if no flag was set against the backend after that; else nothing is counted.
  // Wait-free.
  template <class Count, class Word>
  EQUIPOISE_INLINE static bool take(Count& count, Word const& word, std::uint32_t tag, admission mask) noexcept {
    count.fetch_add(1, Orders::announce);
    if (admits(word.load(Orders::validate), tag, mask)) [[likely]]
      return true;
    give(count);
    return false;
  }

  // Ends one piece of work. This is the last access: after it the backend may be gone. Wait-free.
  template <class Count>
  EQUIPOISE_INLINE static void give(Count& count) noexcept {
    count.fetch_sub(1, Orders::give);
  }

  // Sets or clears flags of one membership. False if it was removed, or if the word belongs to another one. Lock-free.
  template <class Word>
  static bool set(Word& word, std::uint32_t tag, health_flag flags, std::uint32_t& before) noexcept {
    return change(word, tag, before, [&](std::uint32_t w) { return w | static_cast<std::uint32_t>(flags); });
  }
  template <class Word>
  static bool clear(Word& word, std::uint32_t tag, health_flag flags, std::uint32_t& before) noexcept {
    return change(word, tag, before, [&](std::uint32_t w) { return w & ~static_cast<std::uint32_t>(flags); });
  }

  // The work in flight on one backend: the sum of its counters, which lie `stride` apart. Wait-free; O(stripes).
  template <class Count>
  static std::uint32_t in_flight(Count const* first, std::size_t stride, std::uint32_t stripes) noexcept {
    std::uint32_t sum = 0;
    for (std::uint32_t s = 0; s != stripes; ++s) sum += first[s * stride].load(Orders::zero_test);
    return sum;
  }

 private:
  template <class Word, class Change>
  static bool change(Word& word, std::uint32_t tag, std::uint32_t& before, Change change) noexcept {
    before = word.load(std::memory_order_relaxed);
    do {
      if (!same_generation(before, tag) || (before & static_cast<std::uint32_t>(health_flag::removed)) != 0)
        return false;
    } while (!word.compare_exchange_weak(before, change(before), Orders::mark, std::memory_order_relaxed));
    return true;
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
