// SPDX-License-Identifier: MIT
// Says where work has ended, so that a policy which remembers the least load of a group of backends knows when it has
// to look again. A count that rises is not logged: what is remembered is too low then, never too high.
//
//   end:   count −= 1; version += 1                             (a lease)
//   look:  read the version; read the counts; remember both     (a policy)
//
// A count that fell before the version was read is seen, and one that falls later changes the version. The log is off
// until a policy looks. The functions of the protocol are templates on the atomic, so that a model checker runs this
// very code, and on the memory orders, so that it can show that each of them is needed.
#pragma once

#include <equipoise/core/zeroed_array.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

struct release_orders {
  static constexpr auto turn_on = std::memory_order_seq_cst;  // 1, before counts are read; against the end of a lease,
  static constexpr auto is_on = std::memory_order_seq_cst;    // 2, after its count fell: one sees the other
  static constexpr auto note = std::memory_order_release;     // 3, after a count fell
  static constexpr auto look = std::memory_order_acquire;     // 4, pairs with 3; before counts are read
};

template <class Orders = release_orders>
struct release_protocol {
  // Wait-free, as are the others.
  template <class Flag>
  static void turn_on(Flag& on) noexcept {
    on.store(true, Orders::turn_on);
  }
  template <class Flag>
  static bool is_on(Flag const& on) noexcept {
    return on.load(Orders::is_on);
  }
  template <class Version>
  static void note(Version& version) noexcept {
    version.fetch_add(1, Orders::note);
  }
  template <class Version>
  static std::uint32_t look(Version const& version) noexcept {
    return version.load(Orders::look);
  }
};

// Versions of blocks of 32 slots that are dealt one after the other, and of 32 such blocks.
class release_log {
 public:
  static constexpr std::uint32_t per_block = 32, per_top = 1024;

  explicit release_log(std::uint32_t slots) : blocks_{slots / per_block}, tops_{slots / per_top} {}

  // state_table::deal() puts consecutive slots a cache line apart; this finds them together again.
  static constexpr std::uint32_t block_of(std::uint32_t slot) noexcept {
    return slot / per_top * (per_top / per_block) | (slot & 15) << 1 | (slot >> 9 & 1);
  }
  static constexpr std::uint32_t top_of(std::uint32_t block) noexcept { return block / (per_top / per_block); }

  bool is_on() const noexcept { return on_.load(std::memory_order_relaxed); }
  void turn_on() noexcept { release_protocol<>::turn_on(on_); }
  EQUIPOISE_INLINE void note(std::uint32_t slot) noexcept {
    if (release_protocol<>::is_on(on_)) [[unlikely]]
      change_versions(slot);
  }
  std::uint32_t of_block(std::uint32_t block) const noexcept { return release_protocol<>::look(blocks_[block]); }
  std::uint32_t of_top(std::uint32_t top) const noexcept { return release_protocol<>::look(tops_[top]); }

 private:
  EQUIPOISE_OUT_OF_LINE void change_versions(std::uint32_t slot) noexcept {
    std::uint32_t const block = block_of(slot);
    release_protocol<>::note(blocks_[block]);
    release_protocol<>::note(tops_[top_of(block)]);
  }

  zeroed_array<std::atomic<std::uint32_t>> blocks_, tops_;
  std::atomic<bool> on_{false};
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
