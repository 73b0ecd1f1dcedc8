// SPDX-License-Identifier: MIT
// What a report costs: the outcome of a request, for each detector, and a load report.
#include <bench.hpp>

#include <equipoise/health.hpp>

namespace {

template <class Detector>
struct watched {
  bench::pool_of_servers own;
  Detector detector;
  std::vector<equipoise::backend_id> ids;

  explicit watched(bench::setup const& s) : own{s}, detector{own.pool} {
    own.pool.for_each([&](equipoise::backend_id id, auto&&...) { ids.push_back(id); });
  }
};

// Each backend in turn; `report` gets a number that is 0 one time in sixteen.
template <class Detector, class Report>
void add(std::string const& name, Report report) {
  for (std::size_t n : bench::sizes{3, 100, 10'000})
    bench::add(bench::name_of("report", name, n), [=](benchmark::State& state) {
      auto& all = bench::kept<watched<Detector>>("", {.backends = n});
      std::size_t i = 0;
      bench::time(state, 1'000, [&]() BENCH_INLINE {
        report(all.detector, all.ids[i % n], i & 15);
        ++i;
      });
    });
}

equipoise::outcome outcome_of(std::size_t turn) {
  return turn == 0 ? equipoise::outcome::error : equipoise::outcome::ok;
}

bool const added = [] {
  using namespace equipoise;
  using bench::server;
  add<outlier_detection<server>>("outlier_detection", [](auto& d, backend_id id, std::size_t turn)
                                                          BENCH_INLINE { d.report(id, outcome_of(turn), {}); });
  add<failure_window<server>>("failure_window", [](auto& d, backend_id id, std::size_t turn) BENCH_INLINE {
    if (d.began(id, {})) d.report(id, outcome_of(turn), {});
  });
  add<failure_accrual<server>>("failure_accrual", [](auto& d, backend_id id, std::size_t turn) BENCH_INLINE {
    if (d.began(id, {})) d.report(id, outcome_of(turn), {});
  });
  add<error_limit<server>>("error_limit", [](auto& d, backend_id id, std::size_t turn) BENCH_INLINE {
    benchmark::DoNotOptimize(d.report(id, outcome_of(turn)));
  });
  add<orca_weights<server>>("orca_weights", [](auto& d, backend_id id, std::size_t turn) BENCH_INLINE {
    orca_report r;
    r.cpu_utilization = 0.5;
    r.rps_fractional = static_cast<double>(100 + turn);
    d.report(id, r, {});
  });
  return true;
}();

}  // namespace
