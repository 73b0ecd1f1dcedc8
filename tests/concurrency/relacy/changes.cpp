// SPDX-License-Identifier: MIT
// Changes of health. A backend is down. Two writers want it up: one finds that the other has done so already, and
// returns before it was counted. A pick that starts afterwards must not rely on what was found while it was down.
#include "model.hpp"

using equipoise::detail::change_orders;
using equipoise::detail::change_protocol;
using equipoise::detail::lease_protocol;

namespace {
constexpr std::uint32_t down = static_cast<std::uint32_t>(equipoise::health_flag::down), tag = 1u << 31;
}  // namespace

template <class Protocol>
struct changes : rl::test_suite<changes<Protocol>, 3> {
  model::relacy_atomic<std::uint32_t> word;
  model::relacy_atomic<std::uint64_t> count;
  model::relacy_atomic<int> returned;

  void before() {
    word.store(tag | down, std::memory_order::relaxed);
    returned.store(0, std::memory_order::relaxed);
  }

  void thread(unsigned index) { index == 2 ? pick() : bring_up(); }

  void bring_up() {
    std::uint32_t old = 0;
    Protocol::begin(count);
    lease_protocol<>::clear(word, tag, equipoise::health_flag::down, old);
    Protocol::end(count, (old & down) != 0);
    returned.store(1, std::memory_order::release);
  }

  void pick() {
    std::uint64_t const seen = Protocol::look(count);
    bool const was_down = word.load(std::memory_order::relaxed) != tag;
    bool const remembered = was_down && Protocol::is_settled(seen);
    if (returned.load(std::memory_order::acquire) == 0) return;
    RL_ASSERT(!(remembered && Protocol::look(count) == seen));
  }
};

// Counts a change only once it is made.
struct counts_afterwards : change_protocol<> {
  template <class Count>
  static void begin(Count&) {}
  template <class Count>
  static void end(Count& count, bool changed) {
    if (changed) count.fetch_add(one_change, change_orders::end);
  }
};

// Remembers what it found while a change was on its way.
struct never_waits : change_protocol<> {
  static constexpr bool is_settled(std::uint64_t) { return true; }
};

struct end_relaxed : change_orders {
  static constexpr auto end = std::memory_order::relaxed;
};
struct look_relaxed : change_orders {
  static constexpr auto look = std::memory_order::relaxed;
};

int main() {
  model::holds<changes<change_protocol<>>>("changes");
  model::breaks<changes<counts_afterwards>>("a change is counted only once it is made");
  model::breaks<changes<never_waits>>("a change that is on its way is ignored");
  model::breaks<changes<change_protocol<end_relaxed>>>("end is relaxed");
  model::breaks<changes<change_protocol<look_relaxed>>>("look is relaxed");
  return model::exit_code();
}
