// SPDX-License-Identifier: MIT
// How a new snapshot reaches the pickers, and how the writer knows that no picker looks at an old one any more: a
// hazard pointer that stays set between picks.
//
//   publish:  old = current.exchange(new)     … freed later, once no hazard pointer holds it     (the pool)
//   pick:     current == held?  That is the whole check.                                         (a picker)
//   refresh:  hazard := seen, and look again, until current still is what was seen
//
// What `held` points to cannot be freed, so its address cannot come back as another snapshot: comparing pointers is
// comparing versions. The functions are templates on the atomic and on the memory orders, for the model checker.
// Source: Michael, "Hazard Pointers" (2004). That they stay set between picks is this library's addition.
#pragma once

#include <equipoise/core/config.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

struct publication_orders {
  static constexpr auto exchange = std::memory_order_seq_cst;    // 1, pairs with 3: hands over what was built
  static constexpr auto protect = std::memory_order_seq_cst;     // 2, then 3; against 1, then 4: one sees the other
  static constexpr auto look_again = std::memory_order_seq_cst;  // 3
  static constexpr auto scan = std::memory_order_seq_cst;        // 4, pairs with 2 and 5: reads end before the freeing
  static constexpr auto let_go = std::memory_order_release;      // 5
  static constexpr auto compare = std::memory_order_relaxed;     // 6: if equal, 3 acquired everything at the refresh
};

template <class Orders = publication_orders>
struct publication_protocol {
  // Protects the current snapshot and returns it. Lock-free: it loops only while snapshots are published faster than it
  // can look.
  template <class Current, class Hazard>
  static auto refresh(Current const& current, Hazard& hazard) noexcept {
    auto seen = current.load(std::memory_order_relaxed);
    for (;;) {
      hazard.store(seen, Orders::protect);
      auto const again = current.load(Orders::look_again);
      if (again == seen) return seen;
      seen = again;
    }
  }

  template <class Hazard>
  static void let_go(Hazard& hazard) noexcept {
    hazard.store(nullptr, Orders::let_go);
  }

  // Returns the previous snapshot.
  template <class Current, class Snapshot>
  static Snapshot publish(Current& current, Snapshot next) noexcept {
    return current.exchange(next, Orders::exchange);
  }

  // The snapshot that a picker may still look at. A sweep must read each hazard pointer exactly once: one that moves in
  // between would otherwise keep two snapshots.
  template <class Hazard>
  static auto held_by(Hazard const& hazard) noexcept {
    return hazard.load(Orders::scan);
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
