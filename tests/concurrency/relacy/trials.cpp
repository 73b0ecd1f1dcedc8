// SPDX-License-Identifier: MIT
// Members that come back by a trial. Threads put one out, try it, and end its trial either way, while another one opens
// trials, and the member may leave. One trial at a time; in the end the member is in, or gone, and no place is lost.
#include "ejections.hpp"

using equipoise::detail::basic_ejectable;
using equipoise::detail::half_open;

template <class Orders>
struct host : basic_ejectable<model_memory<Orders>> {
  model::relacy_atomic<std::uint32_t> until;  // 0 is no time
  void begin() {}
};

template <class Orders>
using shipped = half_open<model_pool, host<Orders>>;

template <class Detector, bool leaves>
struct trials : rl::test_suite<trials<Detector, leaves>, 3> {
  static constexpr std::uint32_t one = 1, of_trial = 2;
  model_pool pool;
  Detector detector{pool, health_flag::ejected};
  model::relacy_atomic<std::uint32_t> running;

  void before() {
    pool.words[0].store(first_tag, std::memory_order::relaxed);
    fail();
    advance(false);
  }

  void fail() {
    auto* const h = detector.find({0, first_tag});
    if (h == nullptr) return;
    detector.put_out(
        *h, {0, first_tag}, [](std::size_t already) { return already < 1; },
        [&] { h->until.store(one, std::memory_order::relaxed); });
  }
  void try_it(bool succeeds) {
    auto* const h = detector.find({0, first_tag});
    if (h == nullptr) return;
    bool const is_trial =
        detector.begin_trial(*h, {0, first_tag}, [&] { h->until.store(of_trial, std::memory_order::relaxed); });
    if (!is_trial) return;
    RL_ASSERT(running.fetch_add(1, std::memory_order::seq_cst) == 0);
    running.fetch_sub(1, std::memory_order::seq_cst);
    if (succeeds)
      detector.revive(*h, {0, first_tag}, [] {});
    else
      fail();
  }
  void advance(bool lost_too) {
    detector.advance([&](host<typename Detector::orders_for_models>& h) {
      std::uint32_t const until = h.until.load(std::memory_order::relaxed);
      RL_ASSERT(until != 0);
      return until == one || lost_too;
    });
  }
  void thread(unsigned index) {
    switch (index) {
      case 0:
        fail();
        try_it(false);
        if (leaves) pool.remove(0);
        break;
      case 1:
        try_it(true);
        fail();
        try_it(true);
        break;
      default:
        advance(false);
        advance(false);
    }
  }
  void after() {
    auto& h = detector[0];
    std::uint32_t const state = h.state.load(std::memory_order::relaxed);
    if (!leaves) RL_ASSERT(pool.is_ejected(0) == (state == h.is_out || state == h.is_on_trial));
    for (int turn = 0; turn != 2; ++turn) {
      advance(true);
      if (auto* const h = detector.known({0, first_tag})) detector.revive(*h, {0, first_tag}, [] {});
    }
    RL_ASSERT(detector.count() == 0);
    RL_ASSERT(!pool.is_ejected(0));
  }
};

template <class Orders = ejection_orders>
struct with_orders : shipped<Orders> {
  using shipped<Orders>::shipped;
  using orders_for_models = Orders;
};

// A trial that fails puts the member out until a later time, so no other one opens then.
template <class Orders>
struct failed_trial : rl::test_suite<failed_trial<Orders>, 2> {
  static constexpr std::uint32_t now = 1, later = 5;
  model_pool pool;
  shipped<Orders> detector{pool, health_flag::ejected};

  void advance() {
    detector.advance([](host<Orders>& h) { return h.until.load(std::memory_order::relaxed) <= now; });
  }
  void put_out(std::uint32_t until) {
    detector.put_out(
        *detector.find({0, first_tag}), {0, first_tag}, [](std::size_t) { return true; },
        [&] { detector[0].until.store(until, std::memory_order::relaxed); });
  }
  bool begin_trial() {
    return detector.begin_trial(detector[0], {0, first_tag},
                                [&] { detector[0].until.store(later, std::memory_order::relaxed); });
  }
  void before() {
    pool.words[0].store(first_tag, std::memory_order::relaxed);
    put_out(now);
    advance();
  }
  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(begin_trial());
      put_out(later);
      RL_ASSERT(!begin_trial());
    } else {
      advance();
    }
  }
};

// Begins a trial without winning it from other threads.
struct looks_and_stores : with_orders<> {
  using with_orders::with_orders;
  template <class Leave>
  bool begin_trial(host<ejection_orders>& h, backend_id id, Leave leave) {
    if (h.state.load(std::memory_order::acquire) != h.is_half_open) return false;
    set(id);
    leave();
    h.state.store(h.is_on_trial, std::memory_order::release);
    return true;
  }
};
// A member that is revived counts as in, although the list has it.
struct forgets_the_list : with_orders<> {
  using with_orders::with_orders;
  template <class Forget>
  bool revive(host<ejection_orders>& h, backend_id id, Forget) {
    if (!h.change(h.is_on_trial, h.is_changing) && !h.change(h.is_half_open, h.is_changing)) return false;
    clear(id);
    unreserve();
    h.state.store(h.is_in, std::memory_order::release);
    return true;
  }
};
// Clears the flag of a trial after another thread may have set it.
struct clears_late : with_orders<> {
  using with_orders::with_orders;
  template <class Forget>
  bool revive(host<ejection_orders>& h, backend_id id, Forget) {
    if (!h.change(h.is_on_trial, h.is_changing) && !h.change(h.is_half_open, h.is_changing)) return false;
    h.state.store(h.is_back, std::memory_order::release);
    clear(id);
    return true;
  }
};

int main() {
  model::holds<trials<with_orders<>, false>>("trials");
  model::holds<trials<with_orders<>, true>>("trials of a member that leaves");
  model::holds<failed_trial<ejection_orders>>("a trial that fails");
  model::breaks<failed_trial<look_relaxed>>("the look is relaxed");
  model::breaks<trials<with_orders<settle_relaxed>, false>>("a state is settled relaxed");
  model::breaks<trials<looks_and_stores, false>>("a trial is not won");
  model::breaks<trials<forgets_the_list, false>>("the list is forgotten");
  model::breaks<trials<clears_late, false>>("the flag is cleared late");
  return model::exit_code();
}
