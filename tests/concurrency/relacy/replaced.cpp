// SPDX-License-Identifier: MIT
// The life of an object that another one replaces under the same id. It is freed when no unfreed snapshot lists it, and
// after that the counter of its phase was zero once. The membership goes on all the time, so the state word says
// nothing. The next object gets the other counter if that is zero.
#include "model.hpp"
#include "weaker_orders.hpp"

using equipoise::admission;
using equipoise::detail::lease_protocol;
using equipoise::detail::one_generation;
using equipoise::detail::publication_protocol;
using order = std::memory_order;

struct correct_use : waits_before_freeing {
  static constexpr bool lists_come_first = true;
  static constexpr bool looks_before_it_changes_phase = true;
  static constexpr bool counts_in_its_phase = true;
};

template <class Use>
struct replaced : rl::test_suite<replaced<Use>, 4> {
  using publication = publication_protocol<typename Use::publication_orders>;
  using lease = lease_protocol<typename Use::lease_orders>;
  static constexpr int pickers = 2, picks = 2, objects = 4;
  static constexpr std::uint32_t tag = one_generation;
  struct snapshot {
    rl::var<int> object, phase;
  };
  snapshot snapshots[objects + 1];
  rl::var<int> alive[objects + 1];
  model::relacy_atomic<std::uint32_t> word, counts[2];
  model::relacy_atomic<snapshot*> current, hazards[pickers];
  model::relacy_atomic<int> handed_over;  // the object and the phase of a lease that another thread is to end

  void before() {
    for (int k = 0; k <= objects; ++k) alive[k]($) = 1, snapshots[k].object($) = k, snapshots[k].phase($) = 0;
    word.store(tag, order::release);
    publication::publish(current, &snapshots[1]);
  }
  void after() {
    for (auto& c : counts) RL_ASSERT(c.load(order::relaxed) == 0 || handed_over.load(order::relaxed) != 0);
  }

  void thread(unsigned index) {
    if (index < pickers) acquire(static_cast<int>(index));
    if (index == 2) finish();
    if (index == 3) replace();
  }

  void acquire(int me) {
    for (int i = 0; i != picks; ++i) {
      snapshot* const s = publication::refresh(current, hazards[me]);
      int const object = s->object($), phase = Use::counts_in_its_phase ? s->phase($) : 0;
      bool const taken = lease::take(counts[phase], word, tag, admission::new_work);
      publication::let_go(hazards[me]);
      if (!taken) continue;
      RL_ASSERT(alive[object]($) == 1);
      int none = 0;
      if (me == 1 && i == 0 &&
          handed_over.compare_exchange_weak(none, 2 * object + phase, order::acq_rel, order::relaxed))
        continue;
      lease::give(counts[phase]);
    }
  }

  void finish() {
    int const lease_held = handed_over.load(order::acquire);
    if (lease_held == 0) return;
    RL_ASSERT(alive[lease_held / 2]($) == 1);
    lease::give(counts[lease_held % 2]);
    handed_over.store(0, order::release);
  }

  bool is_listed(snapshot* s) {
    for (auto& h : hazards)
      if (publication::held_by(h) == s) return true;
    return false;
  }
  bool is_leased(int phase) { return lease::in_flight(&counts[phase], 1, 1) != 0; }

  void replace() {
    bool waits[objects + 1] = {};
    int phases[objects + 1] = {};
    for (int k = 2; k <= objects; ++k) {
      bool const other_is_idle = !Use::looks_before_it_changes_phase || !is_leased(1 - phases[k - 1]);
      phases[k] = other_is_idle ? 1 - phases[k - 1] : phases[k - 1];
      snapshots[k].phase($) = phases[k];
      publication::publish(current, &snapshots[k]);
      waits[k - 1] = true;
      for (int old = 1; old != k; ++old) {
        if (!waits[old]) continue;
        bool const leased_before = Use::waits_for_zero && !Use::lists_come_first && is_leased(phases[old]);
        if (Use::waits_for_lists && is_listed(&snapshots[old])) continue;
        if (leased_before || (Use::waits_for_zero && Use::lists_come_first && is_leased(phases[old]))) continue;
        alive[old]($) = 0;
        waits[old] = false;
      }
    }
  }
};

struct ignores_lists : correct_use {
  static constexpr bool waits_for_lists = false;
};
struct ignores_leases : correct_use {
  static constexpr bool waits_for_zero = false;
};
struct looks_at_leases_first : correct_use {
  static constexpr bool lists_come_first = false;
};
struct counts_in_one_phase : correct_use {
  static constexpr bool counts_in_its_phase = false;
};
// Two objects may share a phase at any time: both wait for the one counter.
struct changes_phase_blindly : correct_use {
  static constexpr bool looks_before_it_changes_phase = false;
};
struct weak_give : correct_use {
  using lease_orders = give_relaxed;
};

int main() {
  model::holds<replaced<correct_use>>("replaced objects as shipped", 200'000);
  model::holds<replaced<changes_phase_blindly>>("the phase only decides how long an object waits", 200'000);
  model::breaks<replaced<ignores_lists>>("freed while listed");
  model::breaks<replaced<ignores_leases>>("freed while leased");
  model::breaks<replaced<looks_at_leases_first>>("leases looked at before lists");
  model::breaks<replaced<counts_in_one_phase>>("all leases in one counter");
  model::breaks<replaced<weak_give>>("5 give relaxed");
  return model::exit_code();
}
