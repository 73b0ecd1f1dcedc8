// SPDX-License-Identifier: MIT
// Leases: a pick that is counted and given back. The minimum is floor/two_locked.
#include <bench.hpp>

namespace {

// Round robin over every second backend. Two threads with one half each never lease the same backend.
struct every_second {
  struct table {
    std::vector<equipoise::member const*> mine;
  };
  struct cursor {
    std::size_t next = 0;
  };
  std::size_t first;

  table build(equipoise::members_view members) const {
    table t;
    for (std::size_t i = first; i < members.size(); i += 2) t.mine.push_back(&members[i]);
    return t;
  }
  equipoise::proposal propose(table const& t, cursor& c, equipoise::pick const&) const noexcept {
    if (c.next >= t.mine.size()) c.next = 0;
    return t.mine[c.next++];
  }
};

struct two_halves {
  equipoise::balancer<bench::server, every_second> half[2];
  explicit two_halves(bench::setup const& s)
      : half{{bench::pool_of(s), every_second{0}, 1}, {bench::pool_of(s), every_second{1}, 1}} {}
};

// One counter stripe without contention, because the two threads lease different backends: `n` each.
void different(benchmark::State& state, std::size_t n) {
  auto& halves = bench::kept<two_halves>("", {.backends = 2 * n});
  bench::acquire(state, halves.half[state.thread_index()], 1'000);
}

// balancer.acquire(), for code that has no place to keep a picker.
void parked(benchmark::State& state, std::size_t n) {
  auto& lb = bench::balancer_for(equipoise::round_robin{}, {.backends = n});
  bench::time(state, 1'000, [&]() BENCH_INLINE {
    if (auto const lease = lb.acquire()) [[likely]]
      bench::consume(lease.operator->());
  });
}

// A lease that reports its outcome. An application passes the time in; here it is a number that grows.
void finish(benchmark::State& state, std::size_t n) {
  auto& lb = bench::balancer_for(equipoise::round_robin{}, {.backends = n, .counter_stripes = 2, .observed = true});
  auto const worker = bench::on_heap(lb.make_picker());
  equipoise::time_point now{std::chrono::nanoseconds{1}};
  bench::time(state, 1'000, [&]() BENCH_INLINE {
    equipoise::pick_options const options{.now = now};
    if (auto lease = worker->value.acquire(options)) [[likely]] {
      bench::consume(lease.operator->());
      lease.finish(equipoise::outcome::ok, now += std::chrono::microseconds{1});
    }
  });
}

bool const added = [] {
  for (std::size_t n : bench::three_sizes) {
    bench::add_acquire(equipoise::round_robin{}, {.backends = n, .counter_stripes = 2}, "round_robin",
                       "stripe_per_worker");
    bench::add_threads(bench::name_of("acquire", "round_robin", n, "different"),
                       [=](benchmark::State& s) { different(s, n); });
    bench::add_threads(bench::name_of("acquire", "round_robin", n, "parked"),
                       [=](benchmark::State& s) { parked(s, n); });
    bench::add_threads(bench::name_of("report", "finish", n), [=](benchmark::State& s) { finish(s, n); });
  }
  return true;
}();

}  // namespace
