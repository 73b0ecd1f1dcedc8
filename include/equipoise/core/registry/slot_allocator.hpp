// SPDX-License-Identifier: MIT
// Gives out the slots of a state table: new ones a cache line apart, freed ones oldest first.
#pragma once

#include <equipoise/core/registry/state_table.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Guarded by the pool's mutex.
class slot_allocator {
 public:
  // Each allocator of a process counts generations from a number of its own, as far apart as can be, so that an id that
  // is given to another pool by mistake is unknown there.
  explicit slot_allocator(state_table& table, std::uint32_t number = 0)
      : table_{table}, next_free_{table.slots()}, before_first_{(number * 0x9E3779B1u >> 13) * one_generation} {}

  // Of the pools of this process.
  static std::uint32_t next_number() noexcept {
    static std::atomic<std::uint32_t> next{0};
    return next.fetch_add(1, std::memory_order_relaxed);
  }

  // Whether that many slots can be taken.
  bool has(std::size_t count) const noexcept {
    return in_use_ + waiting_ + count <= table_.capacity() && count <= free_count_ + (table_.slots() - dealt_);
  }
  // What to say if not.
  std::string shortage() const {
    return "equipoise: capacity " + std::to_string(table_.capacity()) + " is reached (" + std::to_string(in_use_) +
           " members, " + std::to_string(waiting_) + " slots wait for leases to end): raise pool_options::capacity";
  }

  // A new identity: the next generation of a slot. Its word is written only when the change is committed.
  backend_id take() noexcept {
    ++in_use_;
    std::uint32_t slot;
    if (free_count_ != 0) {
      --free_count_;
      slot = std::exchange(head_, next_free_[head_]);
    } else {
      slot = state_table::deal(dealt_++);
    }
    std::uint32_t const before = table_.word_of(slot).load(std::memory_order_relaxed) & ~health_bits;
    return {slot, (before != 0 ? before : before_first_) + one_generation};
  }

  // A member was removed. Its slot waits until no work is in flight.
  void leave() noexcept { --in_use_, ++waiting_; }

  // No work is in flight on the slot, and none will be.
  void give_back(std::uint32_t slot) noexcept {
    --waiting_;
    if (table_.word_of(slot).load(std::memory_order_relaxed) >= ~health_bits) return;  // its generations are used up
    if (free_count_++ == 0)
      head_ = slot;
    else
      next_free_[tail_] = slot;
    tail_ = slot;
  }

  std::uint32_t waiting() const noexcept { return waiting_; }

  state_table& states() const noexcept { return table_; }

  // All slots that were ever given out are below.
  std::uint32_t end() const noexcept {
    return (dealt_ + state_table::block - 1) / state_table::block * state_table::block;
  }

  // An identity that was taken and undone is never given out again. (The last generation of a slot is the exception.)
  void spend(backend_id id) noexcept {
    auto const spent = id.tag | static_cast<std::uint32_t>(health_flag::removed);
    if (id.tag < ~health_bits) table_.word_of(id.slot).store(spent, std::memory_order_relaxed);
  }

  // For undoing what was taken since. No slot may have been given back in between.
  struct position {
    std::uint32_t head, free_count, dealt, in_use, waiting;
  };
  position where() const noexcept { return {head_, free_count_, dealt_, in_use_, waiting_}; }
  void back_to(position p) noexcept {
    head_ = p.head, free_count_ = p.free_count, dealt_ = p.dealt, in_use_ = p.in_use, waiting_ = p.waiting;
  }

 private:
  state_table& table_;
  zeroed_array<std::uint32_t> next_free_;
  std::uint32_t const before_first_;
  std::uint32_t head_ = 0, tail_ = 0, free_count_ = 0, dealt_ = 0, in_use_ = 0, waiting_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
