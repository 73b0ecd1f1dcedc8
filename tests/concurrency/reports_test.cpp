// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/error_limit.hpp>
#include <equipoise/health/failure_accrual.hpp>
#include <equipoise/health/orca_weights.hpp>

#include <atomic>
#include <thread>

namespace reports_threads_test {
using namespace equipoise;
using namespace std::chrono_literals;

namespace {
constexpr std::size_t n = 20;

// Members; workers read their ids while another thread replaces them.
struct fleet_of_ids {
  equipoise::pool<server> pool;
  std::atomic<std::uint64_t> ids[n];  // slot and tag

  static std::uint64_t packed(backend_id id) { return std::uint64_t{id.tag} << 32 | id.slot; }
  fleet_of_ids() {
    for (std::size_t i = 0; i != n; ++i) ids[i] = packed(pool.add(server{name_of(i)}));
  }
  backend_id at(std::size_t i) const {
    std::uint64_t const id = ids[i];
    return {static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32)};
  }
  void replace(std::size_t i) {  // in one change, so that there are always n members
    pool.change([&](auto& t) {
      t.remove(at(i));
      ids[i] = packed(t.add(server{name_of(i)}));
    });
  }
  std::size_t with(health_flag flag) {
    std::size_t count = 0;
    pool.for_each([&](backend_id, server const&, attributes const&, health_flag f) { count += f == flag; });
    return count;
  }
};

// Three workers begin and report, while time passes, backends are tried and members come and go.
template <class Detector>
void trial(fleet_of_ids& f, Detector& d, std::size_t most, health_flag flag) {
  std::atomic<std::int64_t> now{1};
  std::atomic<bool> is_over{false};
  std::atomic<unsigned> wrong{0}, reports{0};
  auto const time = [&] { return time_point{std::chrono::seconds{now.load()}}; };
  auto const out = [&] {
    if constexpr (requires { d.ejected(); })
      return d.ejected();
    else
      return d.opened();
  };
  std::vector<std::thread> workers;
  for (std::uint64_t seed : {1u, 2u, 3u})
    workers.emplace_back([&, seed] {
      rng r{seed};
      while (!is_over) {
        auto const id = f.at(random_below(r, n));
        if (d.began(id, time()))
          d.report(id, random_below(r, 3) == 0 ? outcome::ok : static_cast<outcome>(1 + random_below(r, 5)), time());
        wrong += out() > most;
        if (++reports % 4 == 0) std::this_thread::yield();
      }
    });
  rng r{4};
  for (int round = 0; round != 2000; ++round) {
    unsigned const before = reports;
    while (reports - before < 8) std::this_thread::yield();  // also where all threads share one processor
    now += random_below(r, 5);
    d.advance(time());
    if (random_below(r, 8) == 0) f.replace(random_below(r, n));
  }
  is_over = true;
  for (auto& w : workers) w.join();
  CHECK(wrong == 0);
  CHECK(d.counts().ejected > 100);
  CHECK(d.counts().trials > 100);
  CHECK(d.counts().revived > 10);
  now += 10'000;
  d.advance(time());
  CHECK(f.with(flag) == 0);
  for (std::size_t i = 0; i != n; ++i) {
    d.began(f.at(i), time());
    d.report(f.at(i), outcome::ok, time());
  }
  d.advance(time());
  CHECK(f.with(flag) == 0);
  CHECK(out() == 0);
}
}  // namespace

TEST_CASE("failure_window: workers begin and report while members come and go") {
  fleet_of_ids f;
  failure_window_options o;
  o.most_ejected = 40;
  o.window = 3s;
  failure_window<server> window{f.pool, o};
  trial(f, window, n * 40 / 100, health_flag::ejected);
}

TEST_CASE("failure_accrual: workers begin and report while members come and go") {
  fleet_of_ids f;
  failure_accrual_options o;
  o.most_open = 40;
  o.most_time = 20s;
  failure_accrual<server> breaker{f.pool, o};
  trial(f, breaker, n * 40 / 100, health_flag::circuit_open);
}

TEST_CASE("failure_window: exactly one of many workers gets the trial") {
  fleet_of_ids f;
  failure_window<server> window{f.pool, {.failures = 1, .window = 1s}};
  std::atomic<int> round{0};
  std::atomic<unsigned> trials{0}, ready{0};
  std::vector<std::thread> workers;
  for (int w = 0; w != 3; ++w)
    workers.emplace_back([&] {
      for (int i = 1; i <= 500; ++i) {
        ++ready;
        while (round < i) std::this_thread::yield();
        trials += window.began(f.at(0), time_point{std::chrono::seconds{10 * i}});
      }
    });
  for (int i = 1; i <= 500; ++i) {
    while (ready != 3u * static_cast<unsigned>(i)) std::this_thread::yield();
    CHECK(trials == static_cast<unsigned>(i) - 1);
    window.report(f.at(0), outcome::error, time_point{std::chrono::seconds{10 * i - 5}});
    window.advance(time_point{std::chrono::seconds{10 * i}});
    round = i;
  }
  for (auto& w : workers) w.join();
  CHECK(trials == 500);
}

TEST_CASE("orca_weights, error_limit: workers report while members come and go") {
  fleet_of_ids f;
  orca_options o;
  o.blackout = 0s;
  orca_weights<server> weights{f.pool, o};
  error_limit<server> errors{f.pool};
  std::atomic<bool> is_over{false};
  std::atomic<unsigned> told{0};
  std::vector<std::thread> workers;
  for (std::uint64_t seed : {1u, 2u})
    workers.emplace_back([&, seed] {
      rng r{seed};
      orca_report report;
      while (!is_over) {
        auto const id = f.at(random_below(r, n));
        report.rps_fractional = 100;
        report.cpu_utilization = 0.1 + random_below(r, 10) / 10.0;
        weights.report(id, report, time_point{1s});
        told += errors.report(id, outcome::error) != on_error::nothing;
      }
    });
  rng r{3};
  for (int i = 0; i != 500; ++i) {
    weights.update(time_point{1s});
    f.replace(random_below(r, n));
  }
  is_over = true;
  for (auto& w : workers) w.join();
  CHECK(told > 0);
  weights.update(time_point{1s});
  f.pool.for_each([&](backend_id id, server const&, attributes const& a, health_flag) {
    if (auto const w = weights.weight(id, time_point{1s})) CHECK(a.weight == static_cast<std::uint32_t>(*w));
    CHECK(a.weight >= 1);
  });
}

}  // namespace reports_threads_test
