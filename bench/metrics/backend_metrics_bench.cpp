// SPDX-License-Identifier: MIT
// What a report to backend_metrics costs.
#include <bench.hpp>

#include <equipoise/metrics.hpp>

namespace {

struct measured {
  bench::pool_of_servers own;
  equipoise::backend_metrics<bench::server> metrics;
  std::vector<equipoise::backend_id> ids;

  explicit measured(bench::setup const& s) : own{s}, metrics{own.pool} {
    own.pool.for_each([&](equipoise::backend_id id, auto&&...) { ids.push_back(id); });
  }
};

// Each backend in turn, with latencies of a millisecond and more.
void report(benchmark::State& state, std::size_t n) {
  auto& all = bench::kept<measured>("", {.backends = n});
  std::size_t i = 0;
  bench::time(state, 1'000, [&]() BENCH_INLINE {
    all.metrics.report(all.ids[i % n], equipoise::outcome::ok, std::chrono::microseconds{1'000 + i % 64});
    ++i;
  });
}

bool const added = [] {
  for (std::size_t n : bench::sizes{3, 100, 10'000})
    bench::add(bench::name_of("report", "backend_metrics", n), [=](benchmark::State& s) { report(s, n); });
  return true;
}();

}  // namespace
