// SPDX-License-Identifier: MIT
// Storms of set, clear and refresh. Health flags are bits of one word, so threads cannot disturb each other's flags.
// The observer is told of each change once, on the thread that made it.
#include "workers.hpp"

namespace {

constexpr std::size_t storm_members = 4, storm_threads = 4;
constexpr equipoise::health_flag flag_of_thread[storm_threads] = {
    equipoise::health_flag::down, equipoise::health_flag::ejected, equipoise::health_flag::maintenance,
    equipoise::health_flag::user_2};

struct observed {
  workers::counter events, of_another_flag;
};
thread_local std::size_t this_thread_number = storm_threads;

void count_event(void* context, equipoise::event const& e) noexcept {
  auto& o = *static_cast<observed*>(context);
  o.events.add();
  if (this_thread_number == storm_threads) return;
  auto const bits_changed = static_cast<std::uint32_t>(e.before) ^ static_cast<std::uint32_t>(e.after);
  if (bits_changed != static_cast<std::uint32_t>(flag_of_thread[this_thread_number])) o.of_another_flag.add();
}

template <class Policy>
void flags_are_independent(Policy policy, int turns, int refreshes) {
  INFO(equipoise::describe(policy));
  observed o;
  equipoise::pool<workers::backend> pool{{.observer = &count_event, .context = &o}};
  std::vector<equipoise::backend_id> ids;
  for (std::size_t i = 0; i != storm_members; ++i) ids.push_back(pool.add({"h" + std::to_string(i)}));
  equipoise::balancer lb{pool, std::move(policy), 1};

  std::array<std::array<bool, storm_members>, storm_threads> last{};
  std::array<std::uint64_t, storm_threads> changes{};
  workers::counter refused, contradictions;
  workers::run_with_writer(
      storm_threads + 1,
      [&] {
        for (int i = 0; i != refreshes; ++i) pool.refresh();
      },
      [&](unsigned t, auto const& go_on) {
        if (t == storm_threads) {
          auto picker = lb.make_picker();
          for (std::uint64_t turn = 0; go_on(turn); ++turn) {
            auto const choice = select(picker, turn);
            if (!choice && choice.error() != equipoise::pick_error::all_down) contradictions.add();
          }
          return;
        }
        this_thread_number = t;
        auto const own = flag_of_thread[t];
        std::uint64_t random = t;
        for (int turn = 0; turn != turns; ++turn) {
          random = equipoise::mix(random + 1);
          std::size_t const i = random % storm_members;
          bool const on = random >> 32 & 1;
          if (!(on ? pool.set(ids[i], own) : pool.clear(ids[i], own))) refused.add();
          changes[t] += last[t][i] != on;
          last[t][i] = on;
          bool const is_on = (pool.health(ids[i]) & own) != equipoise::health_flag::none;
          if (is_on != on) contradictions.add();
        }
      });

  CHECK(refused.count() == 0);
  CHECK(contradictions.count() == 0);
  CHECK(o.of_another_flag.count() == 0);
  std::uint64_t sum = 0;
  for (auto n : changes) sum += n;
  CHECK(o.events.count() == sum);
  for (std::size_t i = 0; i != storm_members; ++i) {
    auto expected = equipoise::health_flag::none;
    for (std::size_t t = 0; t != storm_threads; ++t)
      if (last[t][i]) expected = expected | flag_of_thread[t];
    CHECK(pool.health(ids[i]) == expected);
  }

  // After the storm, a refresh() has seen every change, so the picks avoid the only unhealthy backend.
  for (auto id : ids)
    for (auto flag : flag_of_thread) pool.clear(id, flag);
  pool.set(ids[0], equipoise::health_flag::down);
  pool.refresh();
  auto picker = lb.make_picker();
  for (std::size_t i = 0; i != 3 * storm_members; ++i) CHECK(select(picker, i).id() != ids[0]);
}

}  // namespace

TEST_CASE("flags that many threads set and clear are independent, each change is one event", "[storm]") {
  flags_are_independent(equipoise::smooth_weighted_round_robin{}, 30'000, 4000);
  workers::for_each_standard_policy([](auto policy) { flags_are_independent(std::move(policy), 2000, 300); });
}

TEST_CASE("late reports about a former owner of a slot never reach the new owner", "[storm]") {
  equipoise::pool<workers::backend> pool{{.capacity = 3}};
  equipoise::balancer lb{pool, equipoise::round_robin{}, 1};
  constexpr std::size_t rounds = 10'000;
  std::vector<equipoise::backend_id> ids(rounds);
  std::atomic<std::size_t> newest{0};
  workers::counter harmed, stale, accepted, revived;
  workers::run_with_writer(
      3,
      [&] {
        for (std::size_t round = 0; round != rounds; ++round) {
          ids[round] = pool.add({"h"});
          newest.store(round, std::memory_order_release);
          if (pool.health(ids[round]) != equipoise::health_flag::none) harmed.add();
          pool.remove(ids[round]);
          if (pool.health(ids[round]) != equipoise::health_flag::removed) revived.add();
          do pool.refresh();
          while (pool.waiting().slots > 1);  // a lease, or one that is being refused, keeps a slot for a moment
        }
      },
      [&](unsigned worker, auto const& go_on) {
        auto picker = lb.make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          std::size_t const now = newest.load(std::memory_order_acquire);
          if (now >= 2) {  // that backend was removed long ago
            bool const taken = worker % 2 == 0 ? pool.set(ids[now - 2], equipoise::health_flag::down)
                                               : pool.clear(ids[now - 2], equipoise::health_flag::down);
            (taken ? accepted : stale).add();
          }
          auto const lease = picker.acquire();
          if (lease && lease->name != "h") harmed.add();
        }
      });
  CHECK(harmed.count() == 0);
  CHECK(revived.count() == 0);
  CHECK(accepted.count() == 0);
  CHECK(pool.stale_reports() == stale.count());
}
