// SPDX-License-Identifier: MIT
// Which of many numbered entries is due next: a hierarchical timing wheel.
//
// A heap of 100 000 entries compares about 17 of them for each change. The wheel moves an entry between lists instead,
// at most once for each level. Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 7;
// the place of an entry follows from the highest bit in which its time differs from the wheel's.
#pragma once

#include <equipoise/core/zeroed_array.hpp>

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Entries 0 … n − 1, each of which is in the wheel once or not at all. Time counts in ticks below 2^48, and never goes
// back. One thread at a time. 16 bytes for each entry that is used.
class timing_wheel {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  // Fails if there is no memory.
  explicit timing_wheel(std::uint32_t entries) : entries_{entries}, nodes_{std::size_t{entries} + lists} {
    for (std::uint32_t list = 0; list != lists; ++list) clear(list);
  }

  // Puts an entry in, or moves it. It is due at that tick; at the wheel's, if that is later. O(1).
  void add(std::uint32_t entry, std::uint64_t due) noexcept {
    remove(entry);
    put(entry, due);
  }
  // Takes an entry out, if it is in. O(1).
  void remove(std::uint32_t entry) noexcept {
    if (nodes_[entry].next != 0 || nodes_[entry].before != 0) unlink(entry);
  }

  // Takes out an entry that is due, an earlier one first; `none` if no entry is. Amortised O(levels).
  std::uint32_t pop(std::uint64_t now) noexcept {
    for (;;) {
      std::uint32_t const list = first_list();
      std::uint64_t const start = start_of(list);
      if (start > now) break;
      time_ = start;
      if (list < slots) {
        std::uint32_t const entry = nodes_[entries_ + list].next;
        unlink(entry);
        return entry;
      }
      spill(list);
    }
    time_ = std::max(time_, now);
    return none;
  }

  // No entry is due before this tick, but pop() has something to do then: an entry is due, or a list comes near.
  // `never` if the wheel is empty. O(levels).
  std::uint64_t next_due() const noexcept { return start_of(first_list()); }

 private:
  static constexpr std::uint32_t slot_bits = 6, slots = 1u << slot_bits, levels = 8, lists = levels * slots;

  // Those of the entries come first, then a head for each list, which is circular. Zeros stand for an entry that is in
  // no list: one that is in a list does not have entry 0 on both sides, because the head is there too.
  struct node {
    std::uint32_t next, before;
    std::uint64_t due;
  };

  // The list with the earliest entries; `lists` if all are empty. All entries of a level are due before those of the
  // next, and the later its slot the later an entry.
  std::uint32_t first_list() const noexcept {
    std::uint32_t level = 0;
    while (level != levels && used_[level] == 0) ++level;
    return level == levels ? lists : level * slots + static_cast<std::uint32_t>(std::countr_zero(used_[level]));
  }
  std::uint64_t start_of(std::uint32_t list) const noexcept {
    if (list == lists) return never;
    std::uint32_t const shift = list / slots * slot_bits;
    return (time_ >> shift >> slot_bits << slot_bits | list % slots) << shift;
  }

  void put(std::uint32_t entry, std::uint64_t due) noexcept {
    due = std::max(due, time_);
    auto const level = static_cast<std::uint32_t>(std::bit_width((due ^ time_) | 1) - 1) / slot_bits;
    assert(level < levels && "equipoise: a time beyond the wheel's");
    auto const slot = static_cast<std::uint32_t>(due >> level * slot_bits) % slots;
    std::uint32_t const head = entries_ + level * slots + slot, last = nodes_[head].before;
    nodes_[entry] = {head, last, due};
    nodes_[last].next = nodes_[head].before = entry;
    used_[level] |= std::uint64_t{1} << slot;
  }
  void unlink(std::uint32_t entry) noexcept {
    node const n = std::exchange(nodes_[entry], {});
    nodes_[n.next].before = n.before;
    nodes_[n.before].next = n.next;
    if (n.next == n.before) clear(n.next - entries_);  // only the head was beside it
  }
  void clear(std::uint32_t list) noexcept {
    nodes_[entries_ + list] = {entries_ + list, entries_ + list, 0};
    used_[list / slots] &= ~(std::uint64_t{1} << list % slots);
  }
  // The wheel's time has come to that of the list: its entries belong to lower levels now.
  void spill(std::uint32_t list) noexcept {
    std::uint32_t entry = nodes_[entries_ + list].next;
    clear(list);
    while (entry < entries_) {
      std::uint32_t const next = nodes_[entry].next;
      put(entry, nodes_[entry].due);
      entry = next;
    }
  }

  std::uint32_t entries_;
  zeroed_array<node> nodes_;
  std::uint64_t used_[levels] = {};  // a bit for each list that is not empty
  std::uint64_t time_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
