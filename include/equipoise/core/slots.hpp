// Hands out the registry's slots: new ones a cache line apart, freed ones oldest first.
#pragma once

#include <equipoise/core/registry.hpp>

#include <utility>

namespace equipoise::inline EQUIPOISE_ABI::detail {

// Under the pool's mutex.
class slots {
 public:
  explicit slots(registry& r) : registry_{r}, next_free_{r.slots()} {}

  // Refuses if there is none to take.
  void require_one() const {
    if (in_use_ + waiting_ >= registry_.capacity() || (free_count_ == 0 && dealt_ == registry_.slots()))
      fail("equipoise: capacity " + std::to_string(registry_.capacity()) + " is reached (" + std::to_string(in_use_) +
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
      slot = registry::deal(dealt_++);
    }
    return {slot, (registry_.word_of(slot).load(std::memory_order_relaxed) & ~reason_bits) + one_generation};
  }

  // A member left; its slot waits until nothing is in flight.
  void leave() noexcept { --in_use_, ++waiting_; }

  // Nothing is in flight any more, and nothing ever will be.
  void give_back(std::uint32_t slot) noexcept {
    --waiting_;
    if (registry_.word_of(slot).load(std::memory_order_relaxed) >= ~reason_bits) return;  // its generations are used up
    if (free_count_++ == 0)
      head_ = slot;
    else
      next_free_[tail_] = slot;
    tail_ = slot;
  }

  std::uint32_t waiting() const noexcept { return waiting_; }

  // An identity that was taken and undone is no later one's. (A slot's last generation is: after it there is none.)
  void spend(backend_id id) noexcept {
    auto const spent = id.tag | static_cast<std::uint32_t>(reason::removed);
    if (id.tag < ~reason_bits) registry_.word_of(id.slot).store(spent, std::memory_order_relaxed);
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
  registry& registry_;
  zeroed_array<std::uint32_t> next_free_;
  std::uint32_t head_ = 0, tail_ = 0, free_count_ = 0, dealt_ = 0, in_use_ = 0, waiting_ = 0;
};

}  // namespace equipoise::inline EQUIPOISE_ABI::detail
