// Hands out the registry's slots: new ones a cache line apart, freed ones oldest first.
#pragma once

#include <equipoise/core/registry/state_table.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Under the pool's mutex.
class slot_allocator {
 public:
  explicit slot_allocator(state_table& r) : state_table_{r}, next_free_{r.slots()} {}

  // Refuses if there is none to take.
  void require_one() const {
    if (in_use_ + waiting_ >= state_table_.capacity() || (free_count_ == 0 && dealt_ == state_table_.slots()))
      fail("equipoise: capacity " + std::to_string(state_table_.capacity()) + " is reached (" + std::to_string(in_use_) +
           " members, " + std::to_string(waiting_) + " slots wait for leases to end): raise pool_options::capacity");
  }

  // A fresh identity: a slot's next generation. Its word is stored only when the change is committed.
  backend_id take() noexcept {
    ++in_use_;
    std::uint32_t slot;
    if (free_count_ != 0) {
      --free_count_;
      slot = std::exchange(head_, next_free_[head_]);
    } else {
      slot = state_table::deal(dealt_++);
    }
    return {slot, (state_table_.word_of(slot).load(std::memory_order_relaxed) & ~health_bits) + one_generation};
  }

  // A member left; its slot waits until nothing is in flight.
  void leave() noexcept { --in_use_, ++waiting_; }

  // Nothing is in flight any more, and nothing ever will be.
  void give_back(std::uint32_t slot) noexcept {
    --waiting_;
    if (state_table_.word_of(slot).load(std::memory_order_relaxed) >= ~health_bits) return;  // its generations are used up
    if (free_count_++ == 0)
      head_ = slot;
    else
      next_free_[tail_] = slot;
    tail_ = slot;
  }

  std::uint32_t waiting() const noexcept { return waiting_; }

  // An identity that was taken and undone is no later one's. (A slot's last generation is: after it there is none.)
  void spend(backend_id id) noexcept {
    auto const spent = id.tag | static_cast<std::uint32_t>(health_flag::removed);
    if (id.tag < ~health_bits) state_table_.word_of(id.slot).store(spent, std::memory_order_relaxed);
  }

  // To undo what was taken since: nothing may have been given back in between.
  struct position {
    std::uint32_t head, free_count, dealt, in_use, waiting;
  };
  position where() const noexcept { return {head_, free_count_, dealt_, in_use_, waiting_}; }
  void back_to(position p) noexcept {
    head_ = p.head, free_count_ = p.free_count, dealt_ = p.dealt, in_use_ = p.in_use, waiting_ = p.waiting;
  }

 private:
  state_table& state_table_;
  zeroed_array<std::uint32_t> next_free_;
  std::uint32_t head_ = 0, tail_ = 0, free_count_ = 0, dealt_ = 0, in_use_ = 0, waiting_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
