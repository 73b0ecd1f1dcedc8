// SPDX-License-Identifier: MIT
// Laws of outlier detection. That it ejects what Envoy and gRPC eject is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/health/outlier_detection.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace outlier_detection_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

// A pool of n backends with a detection.
struct watched {
  equipoise::pool<server> pool;
  outlier_detection<server> detection;
  std::vector<backend_id> ids;

  watched(std::size_t n, outlier_options const& o) : detection{pool, o} {
    for (auto const& s : servers(n)) ids.push_back(pool.add(s));
  }
  void fail(std::size_t i, int times, time_point now, outcome how = outcome::error) {
    for (int k = 0; k != times; ++k) detection.report(ids[i], how, now);
  }
  bool is_out(std::size_t i) const { return (pool.health(ids[i]) & health_flag::ejected) != health_flag::none; }
  std::size_t out() const {
    std::size_t n = 0;
    pool.for_each([&](backend_id, server const&, attributes const&, health_flag flags) {
      n += (flags & health_flag::ejected) != health_flag::none;
    });
    return n;
  }
};

outlier_options eager(double most = 100) {
  outlier_options o;
  o.errors.failures = 2;
  o.most_ejected = most;
  o.success_rate.enforced = 0;
  return o;
}
}  // namespace

TEST_CASE("outlier_detection: failures in a row eject at once, and time ends it") {
  watched w{4, eager()};
  balancer lb{w.pool, round_robin{}, 0};
  auto picker = lb.make_picker();
  w.fail(1, 1, at(0s));
  w.detection.report(w.ids[1], outcome::ok, at(0s));
  w.fail(1, 1, at(0s));
  CHECK(!w.is_out(1));
  w.fail(1, 1, at(1s));
  CHECK(w.is_out(1));
  CHECK(w.detection.ejected() == 1);
  for (int i = 0; i != 8; ++i) CHECK(picker.select().id() != w.ids[1]);
  w.detection.end_interval(at(10s));
  w.detection.end_interval(at(30s));
  CHECK(w.is_out(1));
  w.detection.end_interval(at(31s));
  CHECK(!w.is_out(1));
  CHECK(w.detection.ejected() == 0);
  w.fail(1, 2, at(32s));  // the second time it is out twice as long
  w.detection.end_interval(at(91s));
  CHECK(w.is_out(1));
  w.detection.end_interval(at(92s));
  CHECK(!w.is_out(1));
}

TEST_CASE("outlier_detection: never more than the limit are out, in any order of events") {
  for (double const most : {0.0, 10.0, 33.0, 50.0, 100.0}) {
    rng d{static_cast<std::uint64_t>(most) + 1};
    watched w{20, eager(most)};
    auto now = at(0s);
    std::uint32_t added = 20;
    for (int step = 0; step != 20'000; ++step) {
      now += std::chrono::milliseconds{random_below(d, 400)};
      auto const what = random_below(d, 200);
      auto const i = random_below(d, static_cast<std::uint32_t>(w.ids.size()));
      if (what == 0 && w.ids.size() > 2) {
        w.pool.remove(w.ids[i]);
        w.ids.erase(w.ids.begin() + i);
        w.detection.end_interval(now);
      } else if (what == 1 && w.ids.size() < 40) {
        w.ids.push_back(w.pool.add(server{"joined-" + std::to_string(added++)}));
      } else if (what < 8) {
        w.detection.end_interval(now);
      } else if (what < 10) {
        w.detection.bring_back(w.ids[i], now);
      } else {
        w.detection.report(w.ids[i], static_cast<outcome>(random_below(d, 6)), now);
      }
      std::size_t const out = w.out();
      if (static_cast<double>(out) * 100 > most * static_cast<double>(w.pool.size()))
        FAIL(most << " %: " << out << " of " << w.pool.size() << " are out after step " << step);
      if (w.detection.ejected() < out) FAIL("the detection counts " << w.detection.ejected() << " of " << out);
    }
    now += 1h;
    w.detection.end_interval(now);
    CHECK(w.out() == 0);
    CHECK(w.detection.ejected() == 0);
    CHECK((most == 0 || w.detection.counts().ejected[0] > 100));
  }
}

TEST_CASE("outlier_detection: a new membership begins with no failures and no ejections") {
  watched w{2, eager()};
  w.fail(0, 1, at(0s));
  auto const old = w.ids[0];
  w.pool.remove(old);
  w.pool.refresh();
  w.ids[0] = w.pool.add(server{"new"});
  REQUIRE(w.ids[0].slot == old.slot);
  w.fail(0, 1, at(0s));
  CHECK(!w.is_out(0));
  w.detection.report(old, outcome::error, at(0s));
  w.detection.report(backend_id{}, outcome::error, at(0s));
  w.detection.report({0xFFFFFFFF, 0xFFFFF000}, outcome::error, at(0s));
  CHECK(w.detection.counts().dropped == 3);
  CHECK(!w.is_out(0));
  w.fail(0, 1, at(0s));
  CHECK(w.is_out(0));

  w.pool.remove(w.ids[0]);  // while it is out
  w.pool.refresh();
  w.ids[0] = w.pool.add(server{"newest"});
  w.detection.end_interval(at(1s));
  CHECK(w.detection.ejected() == 0);
  CHECK(!w.is_out(0));
  w.fail(0, 2, at(2s));
  CHECK(w.is_out(0));
}

TEST_CASE("outlier_detection: rejected and cancelled work says nothing") {
  watched w{2, eager()};
  w.fail(0, 100, at(0s), outcome::rejected);
  w.fail(0, 100, at(0s), outcome::cancelled);
  w.detection.end_interval(at(10s));
  CHECK(!w.is_out(0));
  w.fail(0, 1, at(0s));
  w.fail(0, 1, at(0s), outcome::cancelled);
  w.fail(0, 1, at(0s));
  CHECK(w.is_out(0));
}

TEST_CASE("outlier_detection: a clock that goes backwards ends no ejection early") {
  watched w{2, eager()};
  w.fail(0, 2, at(100s));
  w.detection.end_interval(at(0s));
  CHECK(w.is_out(0));
  w.detection.end_interval(at(130s));
  CHECK(!w.is_out(0));
}

TEST_CASE("outlier_detection: bring_back ends an ejection once, and other flags stay") {
  watched w{2, eager()};
  CHECK(!w.detection.bring_back(w.ids[0], at(0s)));
  w.fail(0, 2, at(0s));
  w.pool.set(w.ids[0], health_flag::down);
  CHECK(w.detection.bring_back(w.ids[0], at(1s)));
  CHECK(w.pool.health(w.ids[0]) == health_flag::down);
  CHECK(!w.detection.bring_back(w.ids[0], at(1s)));
  CHECK(w.detection.ejected() == 0);
}

TEST_CASE("outlier_detection: an observer is told, and may_eject keeps backends in") {
  struct listener {
    std::vector<ejection> told;
    backend_id kept;
  } l;
  auto o = eager();
  o.context = &l;
  o.observer = [](void* context, ejection const& e) noexcept { static_cast<listener*>(context)->told.push_back(e); };
  o.may_eject = [](void* context, backend_id id) noexcept { return static_cast<listener*>(context)->kept != id; };
  watched w{3, o};
  l.kept = w.ids[1];
  for (std::size_t i = 0; i != 3; ++i) w.fail(i, 2, at(0s));
  REQUIRE(l.told.size() == 2);
  CHECK(l.told[0].id == w.ids[0]);
  CHECK(l.told[1].id == w.ids[2]);
  CHECK(to_string(l.told[0]) == "ejected: 2 failures in a row, back in 30 s");
  CHECK(!w.is_out(1));
  CHECK(w.detection.ejected() == 2);
  CHECK(w.detection.counts().too_many == 1);
  l.kept = {};
  w.fail(1, 2, at(0s));
  CHECK(w.is_out(1));
  CHECK(to_string(ejection{{}, outlier_test::success_rate, 0, 1500ms}) ==
        "ejected: a success rate far below the mean, back in 1500 ms");
}

TEST_CASE("outlier_detection: one backend far worse than the others is found by its rate") {
  outlier_options o;
  watched w{10, o};
  for (std::size_t i = 0; i != 10; ++i)
    for (int k = 0; k != 200; ++k)
      w.detection.report(w.ids[i], k % 50 == 0 || (i == 7 && k % 4 == 0) ? outcome::error : outcome::ok, at(0s));
  w.detection.end_interval(at(10s));
  for (std::size_t i = 0; i != 10; ++i) CHECK(w.is_out(i) == (i == 7));
  CHECK(w.detection.counts().ejected[static_cast<std::size_t>(outlier_test::success_rate)] == 1);
  w.detection.end_interval(at(20s));  // the numbers are those of one interval
  CHECK(w.detection.counts().detected[static_cast<std::size_t>(outlier_test::success_rate)] == 1);
}

namespace {
// Which of the backends one interval with these numbers of good and failed requests ejects.
template <class Rules>
std::string ejected_by(outlier_options o, std::vector<std::pair<int, int>> const& traffic) {
  o.errors.failures = o.gateway_errors.failures = 0;
  o.most_ejected = 100;
  equipoise::pool<server> pool;
  outlier_detection<server, Rules> detection{pool, o};
  pool.assign(servers(traffic.size()));
  std::string out;
  for (std::size_t i = 0; i != traffic.size(); ++i) {
    auto const id = pool.find(name_of(i));
    for (int k = 0; k != traffic[i].first; ++k) detection.report(id, outcome::ok, at(0s));
    for (int k = 0; k != traffic[i].second; ++k) detection.report(id, outcome::error, at(0s));
  }
  detection.end_interval(at(10s));
  for (std::size_t i = 0; i != traffic.size(); ++i)
    if (pool.health(pool.find(name_of(i))) == health_flag::ejected) out += name_of(i);
  return out;
}
}  // namespace

TEMPLATE_TEST_CASE("outlier_detection: a bad rate is below the mean by the population's deviation", "",
                   envoy_outlier_rules, grpc_outlier_rules) {
  outlier_options o;
  // The mean is 80 %, the deviation 40 (44.7 if the rates were a sample), so the least rate is 4 %.
  CHECK(ejected_by<TestType>(o, {{100, 0}, {100, 0}, {100, 0}, {100, 0}, {0, 100}}) == "E");
  CHECK(ejected_by<TestType>(o, {{100, 0}, {100, 0}, {100, 0}, {100, 0}, {0, 99}}).empty());  // too few requests
  CHECK(ejected_by<TestType>(o, {{100, 0}, {100, 0}, {100, 0}, {0, 100}}).empty());           // too few backends
  o.success_rate.deviations = 0;
  CHECK(ejected_by<TestType>(o, {{75, 25}, {75, 25}, {75, 25}, {75, 25}, {75, 25}}).empty());  // at the limit
}

TEST_CASE("outlier_detection: at the percentage of failures Envoy ejects, and gRPC does not") {
  outlier_options o;
  o.success_rate.enforced = 0;
  o.failures.enforced = 100;
  std::vector<std::pair<int, int>> const at_limit{{15, 85}, {100, 0}, {100, 0}, {100, 0}, {14, 86}};
  CHECK(ejected_by<envoy_outlier_rules>(o, at_limit) == "AE");
  CHECK(ejected_by<grpc_outlier_rules>(o, at_limit) == "E");
}

TEST_CASE("outlier_detection: an ejection's length grows to its limit, and falls in peace") {
  auto o = eager();
  o.most_time = 60s;
  watched w{2, o};
  auto now = at(0s);
  auto const seconds_out = [&] {
    w.fail(0, 2, now);
    auto const left = now;
    while (w.is_out(0)) w.detection.end_interval(now += 1s);
    return (now - left) / 1s;
  };
  for (auto const seconds : {30, 60, 60, 60, 60, 60}) CHECK(seconds_out() == seconds);
  for (int i = 0; i != 10; ++i) w.detection.end_interval(now += 1s);
  for (int i = 0; i != 2; ++i) w.detection.end_interval(now += 1s);
  CHECK(seconds_out() == 30);  // three intervals of peace: the growth had ended at three
}

TEST_CASE("outlier_detection: a test that is enforced in part ejects about that share") {
  auto o = eager();
  o.errors.enforced = 30;
  watched w{1000, o};
  for (std::size_t i = 0; i != 1000; ++i) w.fail(i, 2, at(0s));
  CHECK(w.detection.ejected() > 240);
  CHECK(w.detection.ejected() < 360);
  CHECK(w.detection.counts().detected[0] == 1000);
}

TEST_CASE("outlier_detection: with jitter the backends do not all come back together") {
  auto o = eager();
  o.jitter = 10s;
  watched w{100, o};
  for (std::size_t i = 0; i != 100; ++i) w.fail(i, 2, at(0s));
  w.detection.end_interval(at(30s) - 1ns);
  CHECK(w.out() == 100);
  w.detection.end_interval(at(35s));
  CHECK(w.out() > 30);
  CHECK(w.out() < 70);
  w.detection.end_interval(at(40s));
  CHECK(w.out() == 0);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("outlier_options: a value out of range is refused with its name") {
  pool<server> p;
  auto const refused = [&](auto change, char const* what) {
    outlier_options o;
    change(o);
    CHECK_THROWS_WITH((outlier_detection<server>{p, o}), ContainsSubstring("outlier_options::" + std::string{what}));
  };
  refused([](auto& o) { o.interval = 0s; }, "interval 0 ns is not more than 0");
  refused([](auto& o) { o.base_time = -1s; }, "base_time -1000000000 ns");
  refused([](auto& o) { o.jitter = -1ns; }, "jitter -1 ns is not 0 or more");
  refused([](auto& o) { o.most_ejected = 100.5; }, "most_ejected 100.5");
  refused([](auto& o) { o.most_ejected = -1; }, "most_ejected -1");
  refused([](auto& o) { o.most_ejected = NAN; }, "most_ejected");
  refused([](auto& o) { o.errors.enforced = 101; }, "errors.enforced 101");
  refused([](auto& o) { o.failures.percent = 1e300; }, "failures.percent");
  refused([](auto& o) { o.success_rate.deviations = -0.1; }, "success_rate.deviations -0.1");
}
#endif

}  // namespace outlier_detection_test
