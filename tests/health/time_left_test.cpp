// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace time_left_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }
}  // namespace

TEST_CASE("time_left: until a backend that is out comes back, and 0 for others") {
  fleet f{round_robin{}, weighted({1, 1, 1}), 0};
  auto const id = f.ids[0];
  auto const fail = [&](auto& d) {
    for (int i = 0; i != 5; ++i) d.report(id, outcome::error, at(0s));
  };
  {
    outlier_detection<server> d{f.pool, {.most_ejected = 100}};
    CHECK(d.time_left(id, at(0s)) == 0s);
    fail(d);
    CHECK(d.time_left(id, at(0s)) == 30s);
    CHECK(d.time_left(id, at(12s)) == 18s);
    CHECK(d.time_left(id, at(31s)) == 0s);  // until the next interval ends
    CHECK(d.time_left(f.ids[1], at(0s)) == 0s);
    CHECK(d.time_left({}, at(0s)) == 0s);
  }
  {
    failure_window<server> d{f.pool};
    fail(d);
    CHECK(d.time_left(id, at(0s)) == 31s);
    CHECK(d.time_left(id, at(30s)) == 1s);
    d.advance(at(30s));
    CHECK(f.pool.health(id) == health_flag::ejected);
    d.advance(at(31s));
    CHECK(f.pool.health(id) == health_flag::none);
    CHECK(d.time_left(id, at(31s)) == 0s);  // it waits for its trial
  }
  {
    failure_accrual<server> d{f.pool};
    fail(d);
    CHECK(d.time_left(id, at(0s)) == 5s);
    CHECK(d.time_left(id, at(4s)) == 1s);
    CHECK(d.time_left(id, at(9s)) == 0s);
  }
  flap_damping<server> d{f.pool};
  for (int i = 0; i != 8; ++i) d.report(id, i % 2 == 0, at(0s));
  d.report(id, true, at(0s));
  auto const left = d.time_left(id, at(0s));
  CHECK(left > 1min);
  CHECK(d.time_left(id, at(1min)) < left);
  d.advance(at(left - 1s));
  CHECK(f.pool.health(id) == health_flag::down);
  d.advance(at(left + 1ms));
  CHECK(f.pool.health(id) == health_flag::none);
}

TEST_CASE("add_time_left: an explanation says when a backend comes back") {
  fleet f{round_robin{}, weighted({1, 1, 1}), 0};
  outlier_detection<server> d{f.pool, {.most_ejected = 100}};
  for (int i = 0; i != 5; ++i) d.report(f.ids[1], outcome::error, at(0s));
  auto why = f.picker.explain();
  auto const before = why;
  add_time_left(why, d, at(17'500ms + 1ns));
  CHECK_THAT(why.text(), ContainsSubstring("B was refused: ejected (") && ContainsSubstring("seconds_left 12.5"));
  why = before;
  add_time_left(why, d, at(40s));
  CHECK(why.text() == before.text());
}

}  // namespace time_left_test
