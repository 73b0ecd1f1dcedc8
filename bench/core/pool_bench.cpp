// SPDX-License-Identifier: MIT
// The control plane: making a pool and publishing a change, in microseconds of one thread and bytes per backend.
#include <bench.hpp>

namespace {

// Makes a pool from a list of servers and destroys it.
void fill(benchmark::State& state, std::size_t n) {
  bench::setup const s{.backends = n};
  auto const servers = bench::servers_of(s);
  auto const make = [&] {
    auto pool = std::make_unique<equipoise::pool<bench::server>>(
        equipoise::pool_options{.capacity = static_cast<std::uint32_t>(n)});
    pool->assign(servers);
    return pool;
  };
  for (auto _ : state) benchmark::DoNotOptimize(make());
  bench::count_bytes(state, n, make);
}

// Changes one weight. The library makes a new list and a new snapshot and reclaims the old ones. Round robin has no
// table.
void publish(benchmark::State& state, std::size_t n) {
  bench::pool_of_servers own{{.backends = n}};
  equipoise::balancer const lb{own.pool, equipoise::round_robin{}, 1};
  auto const id = own.pool.find("10.0.0.0");
  std::uint32_t weight = 1;
  for (auto _ : state) own.pool.update(id, {.weight = weight ^= 3});
}

// Assigns the list that the pool already has.
void assign_same(benchmark::State& state, std::size_t n) {
  bench::pool_of_servers own{{.backends = n}};
  auto const servers = bench::servers_of({.backends = n});
  for (auto _ : state) benchmark::DoNotOptimize(own.pool.assign(servers));
}

bool const added = [] {
  for (std::size_t n : bench::sizes{100, 10'000, 1'000'000}) {
    bench::add(bench::name_of("build", "pool", n), [=](benchmark::State& s) {
      fill(s, n);
    })->Unit(benchmark::kMicrosecond);
    bench::add(bench::name_of("build", "publish", n), [=](benchmark::State& s) {
      publish(s, n);
    })->Unit(benchmark::kMicrosecond);
    bench::add(bench::name_of("build", "assign_same", n), [=](benchmark::State& s) {
      assign_same(s, n);
    })->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
