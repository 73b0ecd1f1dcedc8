// SPDX-License-Identifier: MIT
// When a backend began. The time of a membership that has ended comes late, while the next one in the slot gets its
// own: in the end the slot has the time of the next one.
#include <equipoise/core/registry/start_times.hpp>

#include "model.hpp"

using equipoise::detail::start_orders;
using equipoise::detail::start_protocol;

template <class Protocol>
struct starts : rl::test_suite<starts<Protocol>, 2> {
  model::relacy_atomic<std::uint32_t> state;  // the number of the membership
  model::relacy_atomic<std::uint64_t> time;

  void before() {
    state.store(1, std::memory_order::relaxed);
    time.store(0, std::memory_order::relaxed);
  }
  void thread(unsigned index) {
    std::uint32_t const membership = index + 1;
    if (membership == 2) state.store(2, std::memory_order::release);
    Protocol::note(time, membership, [&] { return state.load(std::memory_order::acquire) == membership; });
  }
  void after() { RL_ASSERT(time.load(std::memory_order::relaxed) == 2); }
};

struct replace_relaxed : start_orders {
  static constexpr auto replace = std::memory_order::relaxed;
};
struct look_relaxed : start_orders {
  static constexpr auto look = std::memory_order::relaxed;
};

struct looks_once {
  template <class Word, class IsCurrent>
  static bool note(Word& word, std::uint64_t value, IsCurrent is_current) {
    if (!is_current()) return false;
    std::uint64_t old = word.load(start_orders::look);
    while (!word.compare_exchange_weak(old, value, start_orders::replace, start_orders::look)) {
    }
    return true;
  }
};
struct stores {
  template <class Word, class IsCurrent>
  static bool note(Word& word, std::uint64_t value, IsCurrent is_current) {
    if (is_current()) word.store(value, start_orders::replace);
    return true;
  }
};

int main() {
  model::holds<starts<start_protocol<>>>("starts");
  model::breaks<starts<start_protocol<replace_relaxed>>>("the exchange is relaxed");
  model::breaks<starts<start_protocol<look_relaxed>>>("the look is relaxed");
  model::breaks<starts<looks_once>>("the membership is looked at once");
  model::breaks<starts<stores>>("a time is stored");
  return model::exit_code();
}
