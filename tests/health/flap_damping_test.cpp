// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/health/flap_damping.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/slow_start.hpp>

namespace flap_damping_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

struct damped {
  equipoise::pool<server> pool;
  flap_damping<server> damping;
  backend_id id;

  explicit damped(flap_damping_options const& o = {}) : damping{pool, o}, id{pool.add(server{"A"})} {
    damping.report(id, true, at(0s));
  }
  bool is_up() const { return pool.health(id) == health_flag::none; }
  // Goes down and comes up at once.
  bool flap(time_point now) {
    damping.report(id, false, now);
    CHECK(!is_up());  // a backend that goes down is always believed
    return damping.report(id, true, now);
  }
};
}  // namespace

TEST_CASE("flap_damping: the third time down within a minute is one too many") {
  damped d;
  CHECK(d.flap(at(0s)));
  CHECK(d.flap(at(10s)));
  CHECK(!d.flap(at(20s)));
  CHECK(!d.is_up());
  CHECK(d.damping.suppressed() == 1);
  auto const penalty = d.damping.penalty(d.id, at(20s));
  CHECK(penalty > 2000);
  CHECK_THAT(d.damping.penalty(d.id, at(80s)), WithinAbs(penalty / 2, 1e-6));
  auto now = at(80s);
  while (!d.is_up()) {
    std::size_t const up = d.damping.advance(now += 1s);
    CHECK(up == (d.is_up() ? 1u : 0u));
  }
  CHECK(d.damping.penalty(d.id, now) < 750);
  CHECK_THAT(d.damping.penalty(d.id, now - 1s), WithinAbs(750, 10));
  CHECK(d.damping.suppressed() == 0);
  CHECK(d.is_up());
}

TEST_CASE("flap_damping: a backend that fails rarely is never kept down") {
  damped d;
  for (int minute = 0; minute != 1000; ++minute) CHECK(d.flap(at(std::chrono::minutes{2 * minute})));
  CHECK(d.damping.counts().suppressed == 0);
  CHECK(d.damping.counts().reported == 2000);
  CHECK(d.damping.counts().shown == 2000);
}

TEST_CASE("flap_damping: a backend that flaps each second changes the pool a few times only") {
  damped d;
  for (int s = 0; s != 3600; ++s) {
    d.flap(at(std::chrono::seconds{s}));
    d.damping.advance(at(std::chrono::seconds{s}));
  }
  CHECK(d.damping.counts().reported == 7200);
  CHECK(d.damping.counts().shown == 5);  // down, up, down, up, down
  CHECK(d.damping.counts().suppressed == 1);
  // It is quiet now, and believed after most_suppressed.
  auto const quiet = at(3599s);
  d.damping.advance(quiet + 239s);
  CHECK(!d.is_up());
  d.damping.advance(quiet + 241s);
  CHECK(d.is_up());
}

TEST_CASE("flap_damping: a quiet backend is up within the longest time, after any events") {
  rng r{5};
  for (int run = 0; run != 300; ++run) {
    damped d;
    auto now = at(0s);
    for (int i = 0; i != 200; ++i) {
      now += std::chrono::milliseconds{random_below(r, 20'000)};
      if (random_below(r, 4) == 0)
        d.damping.advance(now);
      else
        d.damping.report(d.id, random_below(r, 2) == 0, now);
    }
    d.damping.report(d.id, true, now);
    d.damping.advance(now + 4min + 1s);
    CHECK(d.is_up());
    d.damping.report(d.id, false, now + 5min);
    CHECK(!d.is_up());
  }
}

TEST_CASE("flap_damping: a suppressed backend that is down when its time ends stays down") {
  damped d;
  for (int i = 0; i != 3; ++i) d.flap(at(0s));
  d.damping.report(d.id, false, at(1s));
  CHECK(d.damping.advance(at(10min)) == 0);
  CHECK(d.damping.suppressed() == 0);
  CHECK(!d.is_up());
  CHECK(d.damping.report(d.id, true, at(10min)));
  CHECK(d.is_up());
}

TEST_CASE("flap_damping: the first report is no flap, and the same report again is none") {
  equipoise::pool<server> pool;
  flap_damping<server> damping{pool};
  auto const id = pool.add(server{"A"});
  CHECK(!damping.report(id, false, at(0s)));
  CHECK(damping.penalty(id, at(0s)) == 0);
  for (int i = 0; i != 100; ++i) damping.report(id, false, at(0s));
  CHECK(damping.report(id, true, at(0s)));
  CHECK(damping.penalty(id, at(0s)) == 0);
  CHECK(damping.counts().reported == 1);
  CHECK(damping.counts().shown == 2);
}

TEST_CASE("flap_damping: a backend that comes up begins its slow start") {
  auto const late = GENERATE(false, true);
  damped d;
  d.pool.add(server{"B"});
  equipoise::balancer lb{d.pool, equipoise::slow_start{equipoise::round_robin{}, 60s}, 1};
  auto picker = lb.make_picker();
  auto now = at(0s);
  for (int i = 0; i != (late ? 3 : 1); ++i) d.flap(now += 1s);
  while (!d.is_up()) d.damping.advance(now += 1s);
  int picks = 0;
  for (int i = 0; i != 1000; ++i) picks += picker.select({.now = now})->name == "A";
  CHECK(picks > 10);
  CHECK(picks < 200);
}

TEST_CASE("flap_damping: a clock that goes backwards takes nothing off the penalty") {
  damped d;
  for (int i = 0; i != 3; ++i) d.flap(at(100s));
  CHECK_THAT(d.damping.penalty(d.id, at(0s)), WithinAbs(3000, 1e-6));
  d.damping.advance(at(-1h));
  CHECK(!d.is_up());
  CHECK_THAT(d.damping.penalty(d.id, at(100s)), WithinAbs(3000, 1e-6));
  d.damping.advance(time_point::max());
  CHECK(d.is_up());
}

TEST_CASE("flap_damping: it writes its own flag only, for one membership") {
  flap_damping_options o;
  o.flag = health_flag::user_2;
  damped d{o};
  d.pool.set(d.id, health_flag::down);
  d.damping.report(d.id, false, at(0s));
  CHECK(d.pool.health(d.id) == (health_flag::down | health_flag::user_2));
  for (int i = 0; i != 3; ++i) d.flap(at(0s));
  auto const old = d.id;
  d.pool.remove(old);
  d.pool.refresh();
  d.id = d.pool.add(server{"B"});
  REQUIRE(d.id.slot == old.slot);
  CHECK(d.damping.report(d.id, true, at(1s)));
  CHECK(!d.damping.report(old, true, at(1s)));
  CHECK(!d.damping.report({}, true, at(1s)));
  CHECK(d.damping.counts().dropped == 2);
  CHECK(d.damping.penalty(old, at(1s)) == 0);
  d.damping.advance(at(1h));
  CHECK(d.damping.suppressed() == 0);
  CHECK(d.is_up());
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("flap_damping_options: a value out of range is refused with its name") {
  pool<server> p;
  auto const refused = [&](auto change, char const* what) {
    flap_damping_options o;
    change(o);
    CHECK_THROWS_WITH((flap_damping<server>{p, o}), ContainsSubstring("flap_damping_options::" + std::string{what}));
  };
  refused([](auto& o) { o.penalty = 0; }, "penalty 0");
  refused([](auto& o) { o.penalty = INFINITY; }, "penalty inf");
  refused([](auto& o) { o.suppress_at = NAN; }, "suppress_at");
  refused([](auto& o) { o.reuse_below = 2000; }, "reuse_below 2000");
  refused([](auto& o) { o.half_life = 0s; }, "half_life 0");
  refused([](auto& o) { o.most_suppressed = 60s; }, "most_suppressed 60000000000 ns is not enough");
  refused([](auto& o) { o.flag = health_flag::removed; }, "flag removed");
  refused([](auto& o) { o.flag = health_flag::none; }, "flag up");
  refused([](auto& o) { o.flag = health_flag::down | health_flag::user_1; }, "flag down+user_1");
}
#endif

}  // namespace flap_damping_test
