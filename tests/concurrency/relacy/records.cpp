// SPDX-License-Identifier: MIT
// The life of a backend's object. It is freed when no unfreed snapshot lists it and, after `removed`, its count was
// zero once. A choice may read it while the picker's snapshot lists it. A lease may read it until the lease is given
// back, here by another thread than the one that took it. Two slots are reused again and again, so late pickers see
// words of other owners.
#include "model.hpp"
#include "weaker_orders.hpp"

using equipoise::admission;
using equipoise::health_flag;
using equipoise::detail::admits;
using equipoise::detail::lease_protocol;
using equipoise::detail::one_generation;
using equipoise::detail::publication_protocol;
using order = std::memory_order;

using correct_use = waits_before_freeing;

template <class Use>
struct records : rl::test_suite<records<Use>, 4> {
  using publication = publication_protocol<typename Use::publication_orders>;
  using lease = lease_protocol<typename Use::lease_orders>;
  static constexpr int pickers = 2, picks = 3, owners = 4, slots = 2;
  struct snapshot {
    rl::var<int> owner;  // the one member of this version: owner k has slot k % 2 and generation k
  };
  snapshot snapshots[owners + 1];
  rl::var<int> objects[owners + 1];
  model::relacy_atomic<std::uint32_t> words[slots], counts[slots];
  model::relacy_atomic<snapshot*> current, hazards[pickers];
  model::relacy_atomic<int> handed_over;  // the owner whose lease another thread is to end

  static std::uint32_t tag_of(int owner) { return one_generation * static_cast<std::uint32_t>(owner); }

  void before() {
    for (int k = 0; k <= owners; ++k) objects[k]($) = k, snapshots[k].owner($) = k;
    words[1].store(tag_of(1), order::release);
    publication::publish(current, &snapshots[1]);
  }

  void thread(unsigned index) {
    if (index == 0) select();
    if (index == 1) acquire();
    if (index == 2) finish();
    if (index == 3) replace();
  }

  snapshot* fresh(snapshot* held, int picker) {
    return current.load(publication_orders::compare) != held ? publication::refresh(current, hazards[picker]) : held;
  }

  void select() {
    snapshot* held = nullptr;
    int chosen = 0;
    for (int i = 0; i != picks; ++i) {
      if (chosen != 0) RL_ASSERT(objects[chosen]($) == chosen);  // the choice is good until the next call
      held = fresh(held, 0);
      int const owner = held->owner($);
      chosen = admits(words[owner % slots].load(order::relaxed), tag_of(owner), admission::new_work) ? owner : 0;
      if (chosen != 0) RL_ASSERT(objects[chosen]($) == chosen);
    }
    publication::let_go(hazards[0]);
  }

  void acquire() {
    snapshot* held = nullptr;
    for (int i = 0; i != picks; ++i) {
      held = fresh(held, 1);
      int const owner = held->owner($);
      if (!lease::take(counts[owner % slots], words[owner % slots], tag_of(owner), admission::new_work)) continue;
      RL_ASSERT(objects[owner]($) == owner);
      int none = 0;
      if (!handed_over.compare_exchange_weak(none, owner, order::release, order::relaxed))
        lease::give(counts[owner % slots]);
    }
    publication::let_go(hazards[1]);
  }

  void finish() {
    for (int i = 0; i != picks; ++i)
      if (int const owner = handed_over.exchange(0, order::acquire); owner != 0) {
        RL_ASSERT(objects[owner]($) == owner);
        lease::give(counts[owner % slots]);
      }
  }

  void replace() {
    bool listed[owners + 1] = {}, alive[owners + 1] = {}, in_slot[owners + 1] = {};
    listed[1] = alive[1] = in_slot[1] = true;
    for (int next = 2; next <= owners; ++next) {
      int const removed = next - 1;
      if (next > slots && in_slot[next - slots] && Use::waits_for_zero) return;  // no slot
      listed[next] = alive[next] = in_slot[next] = true;
      words[next % slots].store(tag_of(next), order::release);
      publication::publish(current, &snapshots[next]);
      std::uint32_t before = 0;
      lease::set(words[removed % slots], tag_of(removed), health_flag::removed, before);
      for (int sweep = 0; sweep != 2; ++sweep) {
        bool held[owners + 1] = {};
        for (auto const& hazard : hazards)
          if (auto* const s = publication::held_by(hazard); s != nullptr) held[s - snapshots] = true;
        for (int k = 1; k != next; ++k) {
          if (listed[k] && !held[k]) listed[k] = false, snapshots[k].owner($) = 0;
          if (in_slot[k] && lease::in_flight(&counts[k % slots], 1, 1) == 0) in_slot[k] = false;
          if (alive[k] && (!listed[k] || !Use::waits_for_lists) && (!in_slot[k] || !Use::waits_for_zero))
            alive[k] = false, objects[k]($) = 0;
        }
      }
    }
  }
};

struct freed_without_waiting_for_lists : correct_use {
  static constexpr bool waits_for_lists = false;
};
struct freed_without_waiting_for_zero : correct_use {
  static constexpr bool waits_for_zero = false;
};

template <class Weaker>
struct publishing : correct_use {
  using publication_orders = Weaker;
};
template <class Weaker>
struct leasing : correct_use {
  using lease_orders = Weaker;
};

int main() {
  model::holds<records<correct_use>>("records as shipped", 500'000);
  model::breaks<records<freed_without_waiting_for_lists>>("freed while a snapshot lists it");
  model::breaks<records<freed_without_waiting_for_zero>>("freed while a lease is held");
  model::breaks<records<publishing<protect_release>>>("publication's protect release");
  model::breaks<records<publishing<scan_acquire>>>("publication's scan acquire");
  model::breaks<records<publishing<let_go_relaxed>>>("publication's let_go relaxed");
  model::breaks<records<leasing<announce_acq_rel>>>("lease's announce acq_rel");
  model::breaks<records<leasing<zero_test_acquire>>>("lease's zero_test acquire");
  model::breaks<records<leasing<give_relaxed>>>("lease's give relaxed");
  return model::exit_code();
}
