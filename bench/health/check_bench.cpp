// SPDX-License-Identifier: MIT
// What a check costs beside the sockets: time passes to the next check, the probe starts, and the answer of the one
// that started a hundredth of all backends before comes in. So with an interval of 10 s a probe takes about 100 ms. One
// answer in 16 is bad.
#include <bench.hpp>

#include <equipoise/health.hpp>

namespace {

struct checked {
  bench::pool_of_servers own;
  equipoise::check_scheduler<bench::server> scheduler;
  equipoise::time_point now{std::chrono::hours{1}};
  std::vector<equipoise::check_probe> open;
  std::size_t started = 0;

  explicit checked(bench::setup const& s) : own{s}, scheduler{own.pool}, open(s.backends / 100) {
    scheduler.follow(now);
  }
  void check() {
    for (equipoise::check_probe p;;) {
      now = std::max(now, scheduler.next_due());
      if (!(p = scheduler.next(now))) continue;
      bool const is_bad = (started & 15) == 0;
      p = std::exchange(open[started++ % open.size()], p);
      scheduler.finish(p, {is_bad ? equipoise::check_answer::failed : equipoise::check_answer::good}, now);
      return;
    }
  }
};

void check(benchmark::State& state, std::size_t n) {
  auto& all = bench::kept<checked>("", {.backends = n});
  bench::time(state, 4 * n, [&]() BENCH_INLINE { all.check(); });
}

void follow(benchmark::State& state, std::size_t n) {
  auto& all = bench::kept<checked>("", {.backends = n});
  for (auto _ : state) all.scheduler.follow(all.now);
}

bool const added = [] {
  for (std::size_t n : bench::sizes{1'000, 100'000}) {
    bench::add(bench::name_of("check", "scheduler", n), [=](benchmark::State& s) { check(s, n); });
    bench::add(bench::name_of("follow", "scheduler", n), [=](benchmark::State& s) { follow(s, n); });
  }
  return true;
}();

}  // namespace
