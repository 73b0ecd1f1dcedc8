// SPDX-License-Identifier: MIT
// What a report to outlier_detection costs.
#include <bench.hpp>

#include <equipoise/health.hpp>

namespace {

struct watched {
  bench::pool_of_servers own;
  equipoise::outlier_detection<bench::server> detection;
  std::vector<equipoise::backend_id> ids;

  explicit watched(bench::setup const& s) : own{s}, detection{own.pool} {
    own.pool.for_each([&](equipoise::backend_id id, auto&&...) { ids.push_back(id); });
  }
};

// Each backend in turn, one failure in sixteen.
void report(benchmark::State& state, std::size_t n) {
  auto& all = bench::kept<watched>("", {.backends = n});
  std::size_t i = 0;
  bench::time(state, 1'000, [&]() BENCH_INLINE {
    auto const how = (i & 15) == 0 ? equipoise::outcome::error : equipoise::outcome::ok;
    all.detection.report(all.ids[i++ % n], how, {});
  });
}

bool const added = [] {
  for (std::size_t n : bench::sizes{3, 100, 10'000})
    bench::add(bench::name_of("report", "outlier_detection", n), [=](benchmark::State& s) { report(s, n); });
  return true;
}();

}  // namespace
