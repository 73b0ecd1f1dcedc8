// SPDX-License-Identifier: MIT
// Requests to the thread that holds the pool's lock. Two threads change something under the lock while a third one asks
// for an answer. The answers run one at a time, never beside a holder, and none comes too late for a request.
#include <equipoise/core/pool/control_lock.hpp>

#include "model.hpp"

using equipoise::detail::basic_control_lock;

struct relacy_mutex {
  model::relacy_atomic<int> taken;
  void lock() {
    rl::linear_backoff b;
    while (taken.exchange(1, std::memory_order::acquire) != 0) b.yield($);
  }
  void unlock() { taken.store(0, std::memory_order::release); }
};

template <class Lock>
struct requests : rl::test_suite<requests<Lock>, 3> {
  Lock lock{[](void* self) noexcept { static_cast<requests*>(self)->answer(); }, this};
  rl::var<int> guarded;  // changed by holders and answers: a data race if two are inside at once
  model::relacy_atomic<int> wanted;
  rl::var<int> seen;

  void before() {
    guarded($) = 0;
    seen($) = 0;
  }
  void answer() {
    guarded($) = guarded($) + 1;
    seen($) = wanted.load(std::memory_order::relaxed);
  }
  void thread(unsigned index) {
    if (index == 2) {
      wanted.store(1, std::memory_order::relaxed);
      lock.request();
    } else {
      lock.lock();
      guarded($) = guarded($) + 1;
      lock.unlock();
    }
  }
  void after() { RL_ASSERT(seen($) == 1); }
};

using shipped = basic_control_lock<model::relacy_atomic<bool>, relacy_mutex>;

// Lets go without a look at the requests.
struct never_looks : shipped {
  using shipped::shipped;
  void unlock() {
    busy().store(false, std::memory_order::seq_cst);
    mutex().unlock();
  }
};

// Looks at the requests before it lets go.
struct looks_too_early : shipped {
  using shipped::shipped;
  void unlock() {
    bool const asked = requested().load(std::memory_order::seq_cst);
    busy().store(false, std::memory_order::seq_cst);
    mutex().unlock();
    if (asked) answer_requests();
  }
};

int main() {
  model::holds<requests<shipped>>("requests");
  model::breaks<requests<never_looks>>("unlock that does not look at the requests");
  model::breaks<requests<looks_too_early>>("unlock that looks before it lets go");
  return model::exit_code();
}
