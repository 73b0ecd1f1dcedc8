// SPDX-License-Identifier: MIT
// The rules of active checks beside models of Envoy's and HAProxy's counters, written from their sources.
#include "support.hpp"

#include <equipoise/health/check_rules.hpp>

namespace check_rules_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
// HealthCheckerImplBase::ActiveHealthCheckSession
struct envoy_model {
  unsigned healthy_threshold, unhealthy_threshold, successes = 0, failures = 0;
  bool failed = true, first = true, pending = false;

  void take(check_answer a) {
    pending = false;
    if (a == check_answer::good) {
      failures = 0;
      if (failed) (first || ++successes == healthy_threshold) ? void(failed = false) : void(pending = true);
    } else {
      successes = 0;
      bool const at_once = a == check_answer::unhealthy;
      if (!failed) (at_once || ++failures == unhealthy_threshold) ? void(failed = true) : void(pending = true);
    }
    first = false;
  }
  std::chrono::seconds interval(check_answer a) const {
    return a == check_answer::good ? (pending ? 4s : 1s) : (pending ? 2s : 3s);
  }
};

// struct check of check.c: health counts from 0 to rise + fall - 1
struct haproxy_model {
  int rise, fall, health = rise;
  bool stopping = false;

  void take(check_answer a) {
    bool const up = health >= rise, good = a == check_answer::good || (a == check_answer::stopping && up);
    if (good) {
      if (++health >= rise) health = rise + fall - 1;
      if (health >= rise) stopping = a == check_answer::stopping;
    } else if (--health < rise) {
      health = 0;
      stopping = false;
    }
  }
  std::chrono::seconds interval() const { return health == rise + fall - 1 ? 1s : health == 0 ? 3s : 2s; }
};

check_options intervals(std::uint32_t rise, std::uint32_t fall) {
  check_options o;
  o.rise = rise, o.fall = fall;
  o.interval = 1s, o.falling_interval = 2s, o.down_interval = 3s, o.rising_interval = 4s;
  return o;
}
}  // namespace

TEST_CASE("check_state: if the first bad answer does not decide, fall of them in a row do") {
  check_options o;
  o.rise = o.fall = 3;
  o.first_bad_decides = false;
  check_state s;
  s.take(check_answer::failed, 0s, o);
  s.take(check_answer::failed, 0s, o);
  CHECK(s.standing == check_standing::starting);
  CHECK(s.interval(o) == o.rising_interval);
  SECTION("bad ones") {
    s.take(check_answer::failed, 0s, o);
    CHECK(s.standing == check_standing::down);
    CHECK(s.against == 0);
    s.take(check_answer::good, 0s, o);
    CHECK(s.standing == check_standing::down);
  }
  SECTION("a good one decides all the same") {
    s.take(check_answer::good, 0s, o);
    CHECK(s.standing == check_standing::up);
    CHECK(s.against == 0);
  }
  SECTION("an unhealthy one, too") {
    s.take(check_answer::unhealthy, 0s, o);
    CHECK(s.standing == check_standing::down);
  }
  SECTION("those in the grace do not count") {
    o.grace = 10s;
    s = {};
    for (int i = 0; i != 9; ++i) s.take(check_answer::failed, 1s, o);
    s.take(check_answer::failed, 10s, o);
    s.take(check_answer::failed, 10s, o);
    CHECK(s.standing == check_standing::starting);
    s.take(check_answer::failed, 10s, o);
    CHECK(s.standing == check_standing::down);
  }
}

TEST_CASE("check_rules: random answers beside Envoy's counters") {
  rng d{1};
  for (std::uint32_t rise = 1; rise != 6; ++rise)
    for (std::uint32_t fall = 1; fall != 6; ++fall)
      for (int run = 0; run != 100; ++run) {
        envoy_model theirs{rise, fall};
        check_state ours;
        auto const o = intervals(rise, fall);
        for (int k = 0; k != 40; ++k) {
          constexpr check_answer answers[] = {check_answer::good, check_answer::failed, check_answer::unhealthy};
          auto const a = answers[random_below(d, 7) / 3];
          theirs.take(a);
          ours.take(a, 0s, o);
          REQUIRE(ours.is_up() == !theirs.failed);
          REQUIRE(ours.interval(o) == theirs.interval(a));
        }
      }
}

TEST_CASE("check_rules: random answers beside HAProxy's counter") {
  rng d{2};
  for (std::uint32_t rise = 1; rise != 6; ++rise)
    for (std::uint32_t fall = 1; fall != 6; ++fall)
      for (int run = 0; run != 100; ++run) {
        haproxy_model theirs{static_cast<int>(rise), static_cast<int>(fall)};
        check_state ours;
        auto o = intervals(rise, fall);
        o.rising_interval = o.falling_interval;
        for (int k = 0; k != 40; ++k) {
          constexpr check_answer answers[] = {check_answer::good, check_answer::failed, check_answer::stopping};
          auto const a = answers[random_below(d, 7) / 3];
          theirs.take(a);
          ours.take(a, 0s, o);
          REQUIRE(ours.is_up() == (theirs.health >= theirs.rise));
          REQUIRE((ours.standing == check_standing::stopping) == theirs.stopping);
          REQUIRE(ours.interval(o) == theirs.interval());
        }
      }
}

TEST_CASE("check_rules: the first answer decides, whichever it is") {
  for (auto const a : {check_answer::good, check_answer::stopping, check_answer::failed, check_answer::unhealthy}) {
    check_state s;
    CHECK(s.standing == check_standing::starting);
    CHECK(!s.is_up());
    s.take(a, 0s, intervals(5, 5));
    CHECK(s.is_up() == (a == check_answer::good || a == check_answer::stopping));
    CHECK(s.standing != check_standing::starting);
  }
}

TEST_CASE("check_rules: in its grace a backend is not judged by bad answers") {
  auto o = intervals(2, 2);
  o.grace = 300s;
  for (auto const bad : {check_answer::failed, check_answer::unhealthy}) {
    check_state s;
    for (int k = 1; k != 9; ++k) {
      s.take(bad, 299s, o);
      CHECK(s.standing == check_standing::starting);
      CHECK(s.failures == static_cast<unsigned>(k));
      CHECK(s.interval(o) == o.rising_interval);
    }
    check_state passed = s;
    s.take(bad, 300s, o);  // the grace is over
    CHECK(s.standing == check_standing::down);

    passed.take(check_answer::good, 10s, o);
    CHECK(passed.standing == check_standing::up);
    passed.take(check_answer::failed, 11s, o);
    passed.take(check_answer::failed, 12s, o);
    CHECK(passed.standing == check_standing::down);
  }
}

TEST_CASE("check_rules: the count of failures ends at its maximum") {
  check_state s;
  s.failures = 0xFFFFFFFE;
  for (int k = 0; k != 3; ++k) s.take(check_answer::failed, 0s, {});
  CHECK(s.failures == 0xFFFFFFFF);
}

TEST_CASE("check_rules: results as text") {
  CHECK(to_string(check_result{}) == "good");
  CHECK(to_string(check_result{check_answer::failed, nullptr, 0}) == "failed");
  CHECK(to_string(check_result{check_answer::unhealthy, "HTTP status", 503}) == "unhealthy: HTTP status 503");
  CHECK(to_string(static_cast<check_answer>(77)) == "unknown");
  CHECK(to_string(check_standing::starting) == "starting");
  CHECK(to_string(static_cast<check_standing>(77)) == "unknown");
}

TEST_CASE("check_rules: the presets of Envoy and HAProxy") {
  auto const e = envoy_check_options(5s, 1s, 3, 4);
  e.check();
  CHECK((e.rise == 3 && e.fall == 4 && e.timeout == 1s && e.first_within == 0s && e.jitter == 0));
  auto const h = haproxy_check_options();
  h.check();
  CHECK((h.rise == 2 && h.fall == 3 && h.interval == 2s && h.falling_interval == 2s && h.timeout == 2s));
  CHECK(haproxy_check_options(3s, 1s, 2s).first_within == 1s);
  CHECK(haproxy_check_options(3s, 1s, 2s, 2, 1).first_within == 3s);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("check_options: a value out of range is refused with its name") {
  check_options{}.check();
  auto const refused = [&](auto change, char const* what) {
    check_options o;
    change(o);
    CHECK_THROWS_WITH(o.check(), ContainsSubstring("check_options::" + std::string{what}));
  };
  refused([](auto& o) { o.interval = 0s; }, "interval 0 ns is not more than 0, and at most 365 days");
  refused([](auto& o) { o.interval = std::chrono::nanoseconds::max(); }, "interval 9223372036854775807 ns");
  refused([](auto& o) { o.falling_interval = -1s; }, "falling_interval -1000000000 ns");
  refused([](auto& o) { o.down_interval = -1s; }, "down_interval");
  refused([](auto& o) { o.rising_interval = 0s; }, "rising_interval");
  refused([](auto& o) { o.timeout = 0s; }, "timeout 0 ns");
  refused([](auto& o) { o.grace = -1ns; }, "grace -1 ns is not 0 or more");
  refused([](auto& o) { o.first_within = 366 * 24h; }, "first_within");
  refused([](auto& o) { o.rise = 0; }, "rise 0 is not 1 or more");
  refused([](auto& o) { o.fall = 0; }, "fall 0");
  refused([](auto& o) { o.jitter = -1; }, "jitter -1");
  refused([](auto& o) { o.jitter = 100.5; }, "jitter 100.5");
  refused([](auto& o) { o.jitter = NAN; }, "jitter");
  refused([](auto& o) { o.stopping = health_flag::removed; }, "stopping removed is not a flag that can be set");
  refused([](auto& o) { o.down = health_flag::zero_weight; }, "down zero_weight is not a flag");
}
#endif

}  // namespace check_rules_test
