// SPDX-License-Identifier: MIT
// Limits. The sum of the counter stripes is read after the announcement, so the last worker to announce sees all
// others. With a limit of 1 the lease is a lock. Then two holders that write at once are a data race, and so is a write
// that the next holder does not see.
#include "model.hpp"
#include "weaker_orders.hpp"

using equipoise::admission;
using equipoise::detail::lease_protocol;
using order = std::memory_order;

template <class Protocol, int stripes, bool sums_after_announcing = true>
struct limit : rl::test_suite<limit<Protocol, stripes, sums_after_announcing>, 3> {
  static constexpr int workers = 3, most = 1;
  static constexpr std::uint32_t tag = equipoise::detail::one_generation;
  model::relacy_atomic<std::uint32_t> word;
  model::relacy_atomic<std::uint32_t> counts[stripes];
  rl::var<int> work;

  void before() {
    word.store(tag, order::release);
    work($) = 0;
  }
  void after() {
    for (auto& c : counts) RL_ASSERT(c.load(order::relaxed) == 0);
  }
  void thread(unsigned index) {
    auto& count = counts[index % stripes];
    for (int i = 0; i != 2; ++i) {
      if (!sums_after_announcing && Protocol::in_flight(counts, 1, stripes) >= most) continue;
      if (!Protocol::take(count, word, tag, admission::new_work)) continue;
      if (!sums_after_announcing || Protocol::in_flight(counts, 1, stripes) <= most) work($) = work($) + 1;
      Protocol::give(count);
    }
  }
};

template <class Orders>
using two_stripes = limit<lease_protocol<Orders>, 2>;

int main() {
  model::holds<limit<lease_protocol<>, 1>>("limit as shipped, one stripe", 200'000);
  model::holds<limit<lease_protocol<>, 2>>("limit as shipped, two stripes", 200'000);
  model::holds<limit<lease_protocol<>, 3>>("limit as shipped, a stripe per worker", 200'000);
  model::breaks<two_stripes<announce_acq_rel>>("1 announce acq_rel");
  model::breaks<two_stripes<announce_relaxed>>("1 announce relaxed");
  model::breaks<two_stripes<zero_test_acquire>>("4 sum acquire");
  model::breaks<two_stripes<zero_test_relaxed>>("4 sum relaxed");
  model::breaks<two_stripes<give_relaxed>>("5 give relaxed");
  model::breaks<limit<lease_protocol<>, 1, false>>("sum before the announcement, one stripe");
  model::breaks<limit<lease_protocol<>, 2, false>>("sum before the announcement, two stripes");
  return model::exit_code();
}
