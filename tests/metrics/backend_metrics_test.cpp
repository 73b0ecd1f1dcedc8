// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/metrics/backend_metrics.hpp>

#include <thread>

namespace backend_metrics_test {
using namespace equipoise;
using namespace std::chrono_literals;

TEST_CASE("backend_metrics: a row has the state, the outcomes and the latencies of a member") {
  pool<server> p;
  auto const a = p.add(server{"a", 3}), b = p.add(server{"b"});
  backend_metrics<server> m{p};
  for (int i = 0; i != 100; ++i) m.report(a, outcome::ok, 10ms * (i + 1));
  m.report(a, outcome::local_error);
  m.report(a, outcome::rejected, 0ns);
  p.set(b, health_flag::down);
  m.count({b, health_flag::none, health_flag::down});
  m.count({b, health_flag::down, health_flag::down | health_flag::ejected});
  m.count({b, health_flag::down | health_flag::ejected, health_flag::ejected});

  auto const rows = m.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].key == "a");
  CHECK(rows[0].attrs.weight == 3);
  CHECK(rows[0].health == health_flag::none);
  CHECK(rows[0].ended[static_cast<std::size_t>(outcome::ok)] == 100);
  CHECK(rows[0].ended[static_cast<std::size_t>(outcome::local_error)] == 1);
  CHECK(rows[0].ended[static_cast<std::size_t>(outcome::rejected)] == 1);
  CHECK(rows[0].reports() == 102);
  CHECK(rows[0].latencies == 100);
  CHECK(rows[0].latency_sum == 50500ms);
  CHECK(std::chrono::abs(rows[0].p50 - 500ms) < 32ms);
  CHECK(std::chrono::abs(rows[0].p99 - 990ms) < 62ms);
  CHECK(rows[0].below[30 - backend_row::first_power] == 100);  // 1.07 s
  CHECK(rows[0].below[26 - backend_row::first_power] == 6);    // 67 ms
  CHECK(rows[1].health == health_flag::down);
  CHECK(rows[1].downs == 1);
  CHECK(rows[1].ejections == 1);
  CHECK(rows[1].reports() == 0);
}

TEST_CASE("backend_metrics: a membership begins at 0, and reports about none are dropped") {
  pool<server> p;
  backend_metrics<server> m{p};
  auto const old = p.add(server{"a"});
  m.report(old, outcome::ok, 1ms);
  p.remove(old);
  p.refresh();
  auto const now = p.add(server{"b"});
  REQUIRE(now.slot == old.slot);
  CHECK(m.rows()[0].reports() == 0);
  m.report(now, outcome::error, 1ms);
  m.report(old, outcome::ok, 1ms);
  m.report({}, outcome::ok, 1ms);
  m.report(now, static_cast<outcome>(77), 1ms);
  CHECK(m.dropped() == 3);
  CHECK(m.rows()[0].reports() == 1);
  CHECK(m.rows()[0].latencies == 1);
}

TEST_CASE("backend_metrics: no report of several threads is lost") {
  pool<server> p;
  auto const a = p.add(server{"a"});
  backend_metrics<server> m{p};
  m.report(a, outcome::ok, 1ms);
  std::vector<std::thread> threads;
  for (int t = 0; t != 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i != 10'000; ++i) m.report(a, i % 2 == 0 ? outcome::ok : outcome::error, 1us * i);
    });
  for (int i = 0; i != 100; ++i) m.rows();
  for (auto& t : threads) t.join();
  auto const row = m.rows()[0];
  CHECK(row.reports() == 40'001);
  CHECK(row.latencies == 39'997);  // without those of 0 µs
}

}  // namespace backend_metrics_test
