// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/failure_accrual.hpp>

namespace failure_accrual_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

struct watched {
  equipoise::pool<server> pool;
  failure_accrual<server> breaker;
  std::vector<backend_id> ids;

  explicit watched(std::size_t n, failure_accrual_options const& o = {}, std::uint64_t seed = 1)
      : breaker{pool, o, seed} {
    for (auto const& s : servers(n)) ids.push_back(pool.add(s));
  }
  void report(std::size_t i, outcome how, time_point now, int times = 1) {
    for (int k = 0; k != times; ++k) breaker.report(ids[i], how, now);
  }
  bool is_open(std::size_t i) const { return (pool.health(ids[i]) & health_flag::circuit_open) != health_flag::none; }
  std::size_t open() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i != ids.size(); ++i) n += is_open(i);
    return n;
  }
  // How long the flag stays from `now` on, in steps of 10 ms.
  std::chrono::milliseconds wait(std::size_t i, time_point& now) {
    auto const begin = now;
    while (is_open(i)) breaker.advance(now += 10ms);
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
  }
};
failure_accrual_options by_rate() {
  failure_accrual_options o;
  o.failures = 0;
  return o;
}
}  // namespace

TEST_CASE("failure_accrual: five failures in a row break the circuit, one trial mends it") {
  watched w{2};
  w.report(0, outcome::error, at(0s), 4);
  w.report(0, outcome::ok, at(0s));
  w.report(0, outcome::gateway_error, at(0s), 4);
  CHECK(!w.is_open(0));
  w.report(0, outcome::local_error, at(0s));
  CHECK(w.is_open(0));
  w.report(0, outcome::ok, at(1s));  // an older request: it decides nothing
  w.breaker.advance(at(5s) - 1ns);
  CHECK(w.is_open(0));
  w.breaker.advance(at(5s));
  CHECK(!w.is_open(0));
  CHECK(w.breaker.began(w.ids[0], at(5s)));
  CHECK(w.is_open(0));
  CHECK(!w.breaker.began(w.ids[0], at(5s)));
  CHECK(w.breaker.began(w.ids[1], at(5s)));
  w.report(0, outcome::ok, at(6s));
  CHECK(!w.is_open(0));
  w.report(0, outcome::error, at(6s), 4);
  CHECK(!w.is_open(0));
  CHECK(w.breaker.counts().revived == 1);
}

TEST_CASE("failure_accrual: the time grows with equal jitter, until a success") {
  watched w{1};
  auto now = at(0s);
  w.report(0, outcome::error, now, 5);
  CHECK(w.wait(0, now) == 5s);
  auto low = 5s;
  bool is_jittered = false;
  for (int i = 0; i != 10; ++i) {
    REQUIRE(w.breaker.began(w.ids[0], now));
    w.report(0, outcome::error, now);
    auto const took = w.wait(0, now);
    CHECK(took >= std::min(low, 300s));
    CHECK(took <= std::min(2 * low, 300s) + 10ms);
    is_jittered = is_jittered || (low < 150s && took > low + 20ms);
    low *= 2;
  }
  CHECK(is_jittered);
  REQUIRE(w.breaker.began(w.ids[0], now));
  w.report(0, outcome::ok, now);
  w.report(0, outcome::error, now, 5);
  CHECK(w.wait(0, now) == 5s);
}

TEST_CASE("failure_accrual: two seeds give other times, one seed the same") {
  auto const times = [](std::uint64_t seed) {
    watched w{1, {}, seed};
    auto now = at(0s);
    std::vector<std::chrono::milliseconds> all;
    w.report(0, outcome::error, now, 5);
    for (int i = 0; i != 4; ++i) {
      all.push_back(w.wait(0, now));
      w.breaker.began(w.ids[0], now);
      w.report(0, outcome::error, now);
    }
    return all;
  };
  CHECK(times(1) == times(1));
  CHECK(times(1) != times(2));
}

TEST_CASE("failure_accrual: a rate below 0.8 breaks the circuit once the window is full") {
  watched w{1, by_rate()};
  auto now = at(0s);
  for (; now < at(40s); now += 100ms) w.report(0, outcome::ok, now);
  CHECK(w.breaker.success_rate(w.ids[0]) == 1);
  while (!w.is_open(0) && now < at(60s)) w.report(0, outcome::error, now += 100ms);
  // exp(−t / 30 s) < 0.8
  CHECK(now - at(40s) >= 6500ms);
  CHECK(now - at(40s) <= 6800ms);
}

TEST_CASE("failure_accrual: no rate counts before its window or with too few requests") {
  watched w{2, by_rate()};
  for (int s = 0; s != 29; ++s) w.report(0, outcome::error, at(std::chrono::seconds{s}));
  CHECK(!w.is_open(0));
  w.report(0, outcome::error, at(30s));
  CHECK(w.is_open(0));
  for (int s = 0; s <= 300; s += 10) w.report(1, outcome::error, at(std::chrono::seconds{s}));  // 3 in a window
  CHECK(!w.is_open(1));
}

TEST_CASE("failure_accrual: a mix above the rate stays in, one below does not") {
  for (auto const& [every, opens] : {std::pair{10u, false}, std::pair{3u, true}}) {
    watched w{1, by_rate()};
    std::uint32_t n = 1;
    for (auto now = at(0s); now < at(300s); now += 50ms)
      w.report(0, n++ % every == 0 ? outcome::error : outcome::ok, now);
    CHECK(w.is_open(0) == opens);
  }
}

TEST_CASE("failure_accrual: a rate over requests does not look at the time") {
  auto o = by_rate();
  o.window_requests = 100;
  watched w{1, o};
  w.report(0, outcome::error, at(0s), 99);
  CHECK(!w.is_open(0));
  w.report(0, outcome::error, at(0s));
  CHECK(w.is_open(0));
  watched v{1, o};
  v.report(0, outcome::ok, at(0s), 1000);
  v.report(0, outcome::error, at(0s), 22);  // exp(−22 / 100) is 0.803
  CHECK(!v.is_open(0));
  v.report(0, outcome::error, at(0s));
  CHECK(v.is_open(0));
}

TEST_CASE("failure_accrual: a trial that says nothing or is lost is followed by another") {
  watched w{1};
  w.report(0, outcome::error, at(0s), 5);
  w.breaker.advance(at(5s));
  CHECK(w.breaker.began(w.ids[0], at(5s)));
  w.report(0, outcome::cancelled, at(5s));
  CHECK(!w.is_open(0));
  CHECK(w.breaker.began(w.ids[0], at(6s)));  // the next trial, which is lost
  w.breaker.advance(at(36s) - 1ns);
  CHECK(w.is_open(0));
  w.breaker.advance(at(36s));
  CHECK(w.breaker.began(w.ids[0], at(36s)));
  w.report(0, outcome::ok, at(36s));
  CHECK(!w.is_open(0));
}

TEST_CASE("failure_accrual: never more than the limit are open, in any order of events") {
  for (double const most : {0.0, 10.0, 50.0, 100.0}) {
    rng d{static_cast<std::uint64_t>(most) + 1};
    failure_accrual_options o;
    o.failures = 2;
    o.most_time = 20s;
    o.most_open = most;
    watched w{20, o};
    auto now = at(0s);
    std::uint32_t added = 20;
    for (int step = 0; step != 20'000; ++step) {
      now += std::chrono::milliseconds{random_below(d, 400)};
      auto const what = random_below(d, 200);
      auto const i = random_below(d, static_cast<std::uint32_t>(w.ids.size()));
      if (what == 0 && w.ids.size() > 2) {
        w.pool.remove(w.ids[i]);
        w.ids.erase(w.ids.begin() + i);
        w.breaker.advance(now);
      } else if (what == 1 && w.ids.size() < 40) {
        w.ids.push_back(w.pool.add(server{"joined-" + std::to_string(added++)}));
      } else if (what < 30) {
        w.breaker.advance(now);
      } else if (what < 100) {
        w.breaker.began(w.ids[i], now);
      } else {
        w.report(i, static_cast<outcome>(random_below(d, 6)), now);
      }
      std::size_t const open = w.open();
      if (static_cast<double>(open) * 100 > most * static_cast<double>(w.pool.size()))
        FAIL(most << " %: " << open << " of " << w.pool.size() << " are open after step " << step);
      if (w.breaker.opened() < open) FAIL("the breaker counts " << w.breaker.opened() << " of " << open);
    }
    now += 1h;
    w.breaker.advance(now);
    CHECK(w.open() == 0);
    for (std::size_t i = 0; i != w.ids.size(); ++i) {
      w.breaker.began(w.ids[i], now);
      w.report(i, outcome::ok, now);
    }
    w.breaker.advance(now);
    CHECK(w.breaker.opened() == 0);
    CHECK((most == 0 || w.breaker.counts().ejected > 100));
  }
}

TEST_CASE("failure_accrual: a clock that goes backwards ends nothing early") {
  watched w{2, by_rate()};
  for (int s = 0; s <= 60; ++s) w.report(0, outcome::ok, at(std::chrono::seconds{s}));
  w.report(0, outcome::error, at(-1h), 1000);
  CHECK(w.breaker.success_rate(w.ids[0]) == 1);  // no time, no weight
  watched v{2};
  v.report(0, outcome::error, at(100s), 5);
  v.breaker.advance(at(0s));
  CHECK(v.is_open(0));
  v.report(1, outcome::error, time_point::max(), 5);
  v.breaker.advance(at(200s));
  CHECK(!v.is_open(0));
  CHECK(v.is_open(1));
  v.breaker.advance(time_point::max());
  CHECK(!v.is_open(1));
  v.report(1, outcome::ok, time_point::min());
}

TEST_CASE("failure_accrual: a new membership begins anew, and late reports are dropped") {
  watched w{1};
  w.report(0, outcome::error, at(0s), 5);
  auto const old = w.ids[0];
  w.pool.remove(old);
  w.pool.refresh();
  w.breaker.advance(at(0s));
  CHECK(w.breaker.opened() == 0);
  w.ids[0] = w.pool.add(server{"new"});
  REQUIRE(w.ids[0].slot == old.slot);
  w.report(0, outcome::error, at(0s), 4);
  w.breaker.report(old, outcome::error, at(0s));
  w.breaker.report({}, outcome::error, at(0s));
  CHECK(!w.is_open(0));
  CHECK(w.breaker.counts().dropped == 2);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("failure_accrual_options: a value out of range is refused with its name") {
  pool<server> p;
  auto const refused = [&](auto change, char const* what) {
    failure_accrual_options o;
    change(o);
    CHECK_THROWS_WITH((failure_accrual<server>{p, o}),
                      ContainsSubstring("failure_accrual_options::" + std::string{what}));
  };
  refused([](auto& o) { o.success_rate = 1.5; }, "success_rate 1.5");
  refused([](auto& o) { o.success_rate = NAN; }, "success_rate");
  refused([](auto& o) { o.window = 0s; }, "window 0 ns is not more than 0");
  refused([](auto& o) { o.first_time = -1ns; }, "first_time -1 ns");
  refused([](auto& o) { o.most_time = 1s; }, "most_time 1000000000 ns is not first_time or more");
  refused([](auto& o) { o.trial_time = 0s; }, "trial_time 0 ns");
  refused([](auto& o) { o.most_open = -1; }, "most_open -1");
}
#endif

}  // namespace failure_accrual_test
