// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/check_scheduler.hpp>
#include <equipoise/policy/round_robin.hpp>

#include <atomic>
#include <thread>

namespace check_scheduler_threads_test {
using namespace equipoise;
using namespace std::chrono_literals;

TEST_CASE("check_scheduler: one thread checks while others pick and change the pool") {
  constexpr std::size_t n = 20;
  check_options o;
  o.rise = o.fall = 1;
  o.interval = o.falling_interval = o.down_interval = o.rising_interval = 100ms;
  o.first_within = 50ms;
  pool<server> pool{{.joins_with = health_flag::down}};
  for (std::size_t i = 0; i != n; ++i) pool.add(server{name_of(i)});
  check_scheduler<server> scheduler{pool, o};
  balancer lb{pool, round_robin{}, 0};

  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> picked{0};
  std::vector<std::thread> others;
  for (int worker = 0; worker != 2; ++worker)
    others.emplace_back([&] {
      auto picker = lb.make_picker();
      while (!is_over)
        if (auto const lease = picker.acquire()) picked += lease->name.size();
    });
  others.emplace_back([&] {  // membership
    rng d{1};
    while (!is_over) {
      auto const key = name_of(random_below(d, n));
      pool.change([&](auto& t) {
        t.remove(t.find(key));
        t.add(server{key});
      });
      pool.refresh();
    }
  });
  others.emplace_back([&] {  // an operator, and another checker
    rng d{2};
    while (!is_over) {
      auto const id = pool.find(name_of(random_below(d, n)));
      auto const flag = random_below(d, 2) == 0 ? health_flag::maintenance : health_flag::down;
      random_below(d, 2) == 0 ? pool.set(id, flag) : pool.clear(id, flag);
    }
  });

  time_point now{1h};
  std::vector<check_probe> open;
  rng d{3};
  while (scheduler.counts().good + scheduler.counts().bad < 20'000) {
    now += 10ms;
    scheduler.follow(now);
    while (auto const p = scheduler.next(now)) open.push_back(p);
    while (open.size() > n / 2) {
      scheduler.finish(open.back(), {random_below(d, 4) == 0 ? check_answer::failed : check_answer::good}, now);
      open.pop_back();
    }
  }
  is_over = true;
  for (auto& t : others) t.join();
  CHECK(picked > 0);

  auto const is_sick = [](backend_id id) { return mix(id.slot) % 2 == 0; };
  // When the others are still, one round of checks makes every flag right.
  scheduler.follow(now);
  pool.for_each([&](backend_id id, auto&&...) { pool.clear(id, health_flag::maintenance); });
  for (auto const end = now + 10s; now < end; now += 10ms)
    while (auto const p = scheduler.next(now))
      scheduler.finish(p, {is_sick(p.id) ? check_answer::failed : check_answer::good}, now);
  pool.for_each([&](backend_id id, server const&, attributes const&, health_flag flags) {
    CHECK(flags == (is_sick(id) ? health_flag::down : health_flag::none));
  });
}

}  // namespace check_scheduler_threads_test
