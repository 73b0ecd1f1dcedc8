// SPDX-License-Identifier: MIT
// What all detectors of passive health promise alike.
#include "support.hpp"

#include <equipoise/health.hpp>
#include <equipoise/policy/slow_start.hpp>

namespace detectors_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

// A detector, and what of it has another name elsewhere.
struct outlier {
  outlier_detection<server> d;
  explicit outlier(equipoise::pool<server>& p) : d{p, {.most_ejected = 40, .success_rate = {.enforced = 0}}} {}
  void advance(time_point now) { d.end_interval(now); }
  std::size_t out() const { return d.ejected(); }
  std::uint64_t dropped() const { return d.counts().dropped; }
  static bool began(backend_id, time_point) { return true; }
};
struct window {
  failure_window<server> d;
  explicit window(pool<server>& p) : d{p, {.most_ejected = 40}} {}
  void advance(time_point now) { d.advance(now); }
  std::size_t out() const { return d.ejected(); }
  std::uint64_t dropped() const { return d.counts().dropped; }
  bool began(backend_id id, time_point now) { return d.began(id, now); }
};
struct accrual {
  failure_accrual<server> d;
  explicit accrual(pool<server>& p) : d{p, {.most_open = 40}} {}
  void advance(time_point now) { d.advance(now); }
  std::size_t out() const { return d.opened(); }
  std::uint64_t dropped() const { return d.counts().dropped; }
  bool began(backend_id id, time_point now) { return d.began(id, now); }
};

struct members {
  equipoise::pool<server> pool;
  std::vector<backend_id> ids;
  explicit members(std::size_t n) {
    for (auto const& s : weighted(std::vector<std::uint32_t>(n, 1))) ids.push_back(pool.add(s));
  }
  bool is_up(std::size_t i) const { return pool.health(ids[i]) == health_flag::none; }
};

template <class Detector>
void fail(Detector& of, backend_id id, time_point now) {
  for (int i = 0; i != 5; ++i) of.d.report(id, outcome::error, now);
}
}  // namespace

TEMPLATE_TEST_CASE("a detector drops reports about a backend that has left", "", outlier, window, accrual) {
  members m{10};
  TestType of{m.pool};
  of.d.report(m.ids[0], outcome::error, at(0s));
  fail(of, m.ids[1], at(0s));
  CHECK(of.out() == 1);
  m.pool.remove(m.ids[0]), m.pool.remove(m.ids[1]);
  fail(of, m.ids[0], at(1s));
  CHECK(of.dropped() == 5);
  CHECK(of.began(m.ids[0], at(1s)));
  CHECK(of.began(m.ids[1], at(1s)));
  of.advance(at(1s));
  CHECK(of.out() == 0);
}

TEMPLATE_TEST_CASE("a detector that ends brings its backends back, so another one can go on", "", outlier, window,
                   accrual) {
  members m{10};
  for (int turn = 0; turn != 3; ++turn) {
    TestType of{m.pool};
    for (std::size_t i : {1u, 4u, 7u}) fail(of, m.ids[i], at(0s));
    CHECK(of.out() == 3);
    if (turn == 1) of.advance(at(0s));
    if (turn == 2) m.pool.remove(m.ids[4]);
    CHECK(!m.is_up(1));
  }
  for (std::size_t i = 0; i != 10; ++i) CHECK(m.is_up(i) == (i != 4));
}

TEMPLATE_TEST_CASE("after removals those come back first that were out the longest", "", outlier, window, accrual) {
  for (bool each : {false, true}) {
    members m{10};
    TestType of{m.pool};
    for (std::size_t i = 0; i != 4; ++i) {
      fail(of, m.ids[i], at(std::chrono::seconds{i}));
      if (each) of.advance(at(std::chrono::seconds{i}));
    }
    CHECK(of.out() == 4);
    for (std::size_t i = 5; i != 10; ++i) m.pool.remove(m.ids[i]);
    of.advance(at(4s));
    CHECK(of.out() == 2);
    for (std::size_t i = 0; i != 4; ++i) CHECK(m.is_up(i) == (i < 2));
  }
}

TEST_CASE("flap_damping and others drop what is said of a backend that has left") {
  members m{3};
  flap_damping<server> damping{m.pool};
  error_limit<server> errors{m.pool, {.errors = 1}};
  orca_weights<server> weights{m.pool};
  orca_report r;
  r.cpu_utilization = 0.5, r.rps_fractional = 10;
  CHECK(damping.report(m.ids[0], true, at(0s)));
  damping.report(m.ids[0], false, at(1s));
  CHECK(damping.penalty(m.ids[0], at(1s)) > 0);
  CHECK(errors.report(m.ids[0], outcome::error) != on_error::nothing);
  CHECK(weights.report(m.ids[0], r, at(0s)));
  m.pool.remove(m.ids[0]);
  CHECK_FALSE(damping.report(m.ids[0], true, at(2s)));
  CHECK(damping.penalty(m.ids[0], at(2s)) == 0);
  CHECK(damping.counts().dropped == 1);
  CHECK(errors.report(m.ids[0], outcome::error) == on_error::nothing);
  CHECK(errors.dropped() == 1);
  CHECK_FALSE(weights.report(m.ids[0], r, at(2s)));
  CHECK(weights.dropped() == 1);
}

TEST_CASE("orca_weights: reports of absurd size give weights in proportion") {
  for (double rate : {1.7e308, 4.9e-324, 1e-300}) {
    members m{3};
    orca_weights<server, grpc_orca_rules> weights{m.pool, {.blackout = {}}};
    orca_report r;
    r.cpu_utilization = 1, r.rps_fractional = rate;
    for (std::size_t i : {0u, 1u}) REQUIRE(weights.report(m.ids[i], r, at(0s)));
    weights.update(at(1s));
    m.pool.for_each([&](backend_id, auto const&, attributes const& a, health_flag) { CHECK(a.weight == 65535); });
  }
}

TEST_CASE("times beyond a year and checks that would pause themselves are refused") {
  pool<server> p;
  auto const make = [&](outlier_options const& o) { outlier_detection<server>{p, o}; };
  constexpr auto forever = std::chrono::nanoseconds::max();
  CHECK_THROWS_WITH(make({.most_time = forever}), ContainsSubstring("most_time") && ContainsSubstring("365 days"));
  CHECK_THROWS_WITH(make({.base_time = forever}), ContainsSubstring("base_time"));
  CHECK_THROWS_WITH(make({.interval = forever}), ContainsSubstring("interval"));
  CHECK_THROWS_WITH(make({.jitter = forever}), ContainsSubstring("jitter"));
  CHECK_NOTHROW(make({.most_time = 8760h}));
  check_options o;
  o.paused_by = health_flag::down | health_flag::maintenance;
  CHECK_THROWS_WITH((check_scheduler<server>{p, o}), ContainsSubstring("paused_by"));
}

TEST_CASE("failure_window: a failure at the end of the clock overflows nothing") {
  members m{4};
  failure_window<server> window{m.pool, {.failures = 1, .window = 1ns, .resolution = 1ns}};
  window.report(m.ids[0], outcome::error, time_point::max());
  window.advance(time_point::max());
  window.began(m.ids[0], time_point::max());
  window.report(m.ids[0], outcome::ok, time_point::max());
}

TEST_CASE("slow_start_share is a share, whatever the numbers") {
  for (double least : {-1.0, 0.0, 0.1, 1.0, 5.0, std::nan("")})
    for (auto age : {-5ms, 0ms, 1ms, 500ms, 1000ms, 2000ms}) {
      double const share = slow_start_share(age, 1000ms, 1, least);
      CHECK(share > 0);
      CHECK(share <= 1);
    }
}

}  // namespace detectors_test
