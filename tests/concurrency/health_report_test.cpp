// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/health_report.hpp>

#include <atomic>
#include <thread>

namespace health_report_threads_test {
using namespace equipoise;
using namespace std::chrono_literals;

TEST_CASE("health_report: pages are read while checkers run, and no result is lost") {
  constexpr std::size_t n = 5;
  std::vector<self_check> checks;
  for (std::size_t i = 0; i != n; ++i)
    checks.push_back({.name = name_of(i), .timeout = 3s, .run_every = 2s, .max_age = 10s, .fall = 2});
  health_report report{checks, time_point{}};
  report.set_phase(health_phase::serving);

  std::atomic<std::int64_t> seconds{0};
  auto const now = [&] { return time_point{std::chrono::seconds{seconds.load()}}; };
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> told{0}, started{0};
  std::atomic<unsigned> wrong{0};

  std::vector<std::thread> checkers;
  for (std::uint64_t seed : {1u, 2u, 3u})
    checkers.emplace_back([&, seed] {
      rng d{seed};
      std::vector<health_run> runs;
      for (int step = 0; step != 4000; ++step) {
        if (random_below(d, 4) == 0) ++seconds;
        if (auto const run = report.start_next(now())) runs.push_back(*run), ++started;
        auto const result = static_cast<health_status>(random_below(d, 3));
        if (random_below(d, 8) == 0) {
          report.report(name_of(random_below(d, n)), result, now(), "by itself");
          ++told;
        }
        if (!runs.empty() && random_below(d, 3) != 0) {
          report.finish(runs.back(), result, now(), "a message that is too long to be kept inside of the string");
          runs.pop_back();
          ++told;
        }
      }
    });
  std::vector<std::thread> readers;
  for (int k = 0; k != 2; ++k)
    readers.emplace_back([&] {
      while (!is_over) {
        auto const answer = report.readiness(now());
        wrong += answer.checks.size() != n;
        for (std::size_t i = 0; i != n; ++i) wrong += answer.checks[i].name != name_of(i);
        wrong += report.liveness(now()).status != health_status::pass;
        wrong += report.next_due(now()) < time_point{};
      }
    });
  std::thread phases{[&] {
    for (int i = 0; i != 1000; ++i) report.set_phase(i % 2 ? health_phase::serving : health_phase::draining);
  }};
  for (auto& c : checkers) c.join();
  phases.join();
  is_over = true;
  for (auto& r : readers) r.join();

  CHECK(wrong == 0);
  std::uint64_t counted = 0, passed = 0;
  for (auto const& c : report.readiness(now()).checks) {
    counted += c.counts.passed + c.counts.failed - c.counts.timeouts + c.counts.late;
    passed += c.counts.passed;
  }
  CHECK(counted == told);
  CHECK(passed > 100);
  CHECK(started > 100);
}

}  // namespace health_report_threads_test
