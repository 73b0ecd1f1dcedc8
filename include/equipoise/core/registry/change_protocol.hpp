// SPDX-License-Identifier: MIT
// How many times health changed, and how many changes are on their way: one word. What a thread concluded from the
// state words holds as long as this word is the same, if no change was on its way.
//
// A change that is on its way counts, because another writer may find the flags as it wants them, and return, before
// the first one has counted its change. The functions are templates on the atomic, so that a model checker runs this
// very code, and on the memory orders, so that it can show that each of them is needed.
#pragma once

#include <equipoise/core/config.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

struct change_orders {
  static constexpr auto begin = std::memory_order_relaxed;  // 1, before the exchange of a word, which releases it
  static constexpr auto end = std::memory_order_release;    // 2, after it; pairs with 3
  static constexpr auto look = std::memory_order_acquire;   // 3, before words are read
};

template <class Orders = change_orders>
struct change_protocol {
  static constexpr std::uint64_t one_writer = 1, one_change = 1u << 16;

  // Wait-free, as are the others. At most 65 535 writers at once.
  template <class Count>
  static void begin(Count& count) noexcept {
    count.fetch_add(one_writer, Orders::begin);
  }
  template <class Count>
  static void end(Count& count, bool changed) noexcept {
    count.fetch_add((changed ? one_change : 0) - one_writer, Orders::end);
  }
  template <class Count>
  static std::uint64_t look(Count const& count) noexcept {
    return count.load(Orders::look);
  }

  // Whether no change was on its way.
  static constexpr bool is_settled(std::uint64_t seen) noexcept { return seen % one_change == 0; }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
