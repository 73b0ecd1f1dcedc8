// How a new snapshot reaches the pickers, and how the writer knows that nobody looks at an old one: a hazard pointer
// that stays set between picks.
//
//   publish:  old = current.exchange(new)        … later, freed once no mark holds it       (the pool)
//   pick:     current == held ?  that is the whole check                                    (a picker)
//   refresh:  mark := n, look again, until current is still n
//
// What `held` points to cannot be freed, so its address cannot come back as something else: comparing pointers is
// comparing versions. Templates on the atomic and on the orders, for the model checker.
// Michael, "Hazard Pointers" (2004); the persistent mark is ours.
#pragma once

#include <equipoise/core/config.hpp>

#include <atomic>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

struct publication_orders {
  static constexpr auto exchange = std::memory_order_seq_cst;  // 1, pairs with 3: hands over what was built
  static constexpr auto protect = std::memory_order_seq_cst;      // 2, then 3; against 1, then 4: one sees the other
  static constexpr auto look_again = std::memory_order_seq_cst;  // 3
  static constexpr auto scan = std::memory_order_seq_cst;      // 4, pairs with 2 and 5: reads end before the freeing
  static constexpr auto let_go = std::memory_order_release;    // 5
  static constexpr auto compare = std::memory_order_relaxed;   // 6: if equal, 3 acquired everything at the refresh
};

template <class Orders = publication_orders>
struct publication_protocol {
  // Lock-free: loops only while snapshots are published faster than it can look.
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

  template <class Current, class Snapshot>
  static Snapshot publish(Current& current, Snapshot next) noexcept {
    return current.exchange(next, Orders::exchange);
  }

  // What a picker may still look at. To be read once for each mark and sweep: a mark that moves meanwhile would keep two.
  template <class Hazard>
  static auto held_by(Hazard const& hazard) noexcept {
    return hazard.load(Orders::scan);
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
