// SPDX-License-Identifier: MIT
// Laws of slow start. That the shares are Envoy's is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/health.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/random.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/slow_start.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/sticky.hpp>
#include <equipoise/policy/weighted_random.hpp>

namespace slow_start_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

// How many of the picks at that time each backend got.
template <class Fleet>
std::vector<int> counts(Fleet& f, int picks, time_point now) {
  std::vector<int> n(f.ids.size());
  int none = 0;
  for (int i = 0; i != picks; ++i) {
    auto const choice = f.picker.select({.now = now});
    choice ? ++n[choice->number] : ++none;
  }
  REQUIRE(none == 0);
  return n;
}
template <class Fleet>
std::vector<backend_id> owners(Fleet& f, std::uint64_t keys, time_point now) {
  std::vector<backend_id> all;
  for (std::uint64_t key = 0; key != keys; ++key) all.push_back(f.picker.select(key, {.now = now}).id());
  return all;
}
}  // namespace

TEST_CASE("slow_start: the share follows the curve") {
  CHECK(slow_start_share(0ms, 10s, 1, 0.1) == 0.1);
  CHECK(slow_start_share(-5s, 10s, 1, 0.1) == 0.1);
  CHECK(slow_start_share(5s, 10s, 1, 0.1) == 0.5);
  CHECK(slow_start_share(2500ms, 10s, 2, 0.1) == 0.5);
  CHECK(slow_start_share(5s, 10s, 0.5, 0.1) == 0.25);
  CHECK(slow_start_share(10s, 10s, 1, 0.1) == 1);
  CHECK(slow_start_share(std::chrono::milliseconds::max(), 10s, 1, 0.1) == 1);
  CHECK(slow_start_share(0ms, 10s, 1, 0) == 0.0001);  // an age of a millisecond
}

TEMPLATE_TEST_CASE("slow_start: the newcomer's share grows, and the others share the rest evenly", "", round_robin,
                   weighted_round_robin, smooth_weighted_round_robin, equipoise::random, weighted_random, power_of_two,
                   least_connections) {
  for (std::size_t const n : {2u, 3u, 10u, 101u}) {
    fleet f{slow_start{TestType{}, 10s}, servers(n), 7};
    f.pool.begin_slow_start(f.ids[n / 2], at(0s));
    int const picks = 20'000;
    for (double const seconds : {0.0, 1.0, 3.0, 5.0, 9.0, 10.0, 1000.0}) {
      auto const got = counts(f, picks, at(std::chrono::milliseconds{static_cast<int>(seconds * 1000)}));
      double const f_new = std::min(1.0, std::max(0.1, seconds / 10));
      double const whole = static_cast<double>(n) - 1 + f_new;
      for (std::size_t i = 0; i != n; ++i) {
        double const expected = picks * (i == n / 2 ? f_new : 1.0) / whole;
        CAPTURE(n, seconds, i, expected, got[i]);
        REQUIRE(std::abs(got[i] - expected) < 5.5 * std::sqrt(expected) + 1);
      }
    }
  }
}

TEST_CASE("slow_start: with weights the share is of the newcomer's weight") {
  auto all = servers(4);
  std::uint32_t const weights[] = {5, 1, 7, 3};
  for (std::size_t i = 0; i != 4; ++i) all[i].weight = weights[i];
  fleet f{slow_start{smooth_weighted_round_robin{}, 10s}, all, 7};
  f.pool.begin_slow_start(f.ids[2], at(0s));
  auto const got = counts(f, 100'000, at(4s));
  double const whole = 5 + 1 + 7 * 0.4 + 3;
  for (std::size_t i = 0; i != 4; ++i) {
    double const expected = 100'000 * (i == 2 ? 2.8 : weights[i]) / whole;
    CHECK(std::abs(got[i] - expected) < 5 * std::sqrt(expected));
  }
}

TEMPLATE_TEST_CASE("slow_start: a key moves to the newcomer once, and no other key moves", "", maglev<>, ring_hash<>) {
  for (std::size_t const n : {2u, 10u, 655u}) {
    fleet f{slow_start{TestType{}, 10s}, servers(n), 0};
    std::uint64_t const keys = 10'000;
    f.set(0, health_flag::down);
    auto before = owners(f, keys, at(0s));
    f.pool.clear(f.ids[0], health_flag::down, at(0s));
    std::size_t moved = 0, last = 0;
    for (auto const t : {0s, 2s, 4s, 6s, 8s, 10s}) {
      auto const now = owners(f, keys, at(t));
      for (std::size_t i = 0; i != keys; ++i)
        if (now[i] != before[i]) {
          REQUIRE(now[i] == f.ids[0]);
          REQUIRE(before[i] != f.ids[0]);
          ++moved;
        }
      if (n == 10 && t != 0s) CHECK(moved - last > 60);  // a tenth or a fifth of 1000
      last = moved;
      before = now;
    }
    fleet whole{TestType{}, servers(n), 0};
    for (std::uint64_t key = 0; key != keys; ++key)
      REQUIRE(whole.picker.select(key)->name == f.picker.select(key, {.now = at(10s)})->name);
  }
}

TEST_CASE("slow_start: if all have just begun, they share the work and nothing is refused") {
  for (std::size_t const n : {1u, 2u, 10u, 656u}) {
    fleet f{slow_start{round_robin{}, 10s}, servers(n), 3};
    for (auto const id : f.ids) f.pool.begin_slow_start(id, at(0s));
    auto const got = counts(f, static_cast<int>(n) * 200, at(0s));
    for (int const k : got) CHECK(std::abs(k - 200) < 90);
  }
}

TEST_CASE("slow_start: without others the newcomers share by their ages") {
  fleet f{slow_start{equipoise::random{}, 10s}, servers(4), 3};
  f.set(0, health_flag::down);
  f.set(1, health_flag::ejected);
  f.pool.begin_slow_start(f.ids[2], at(0s));
  f.pool.begin_slow_start(f.ids[3], at(4s));
  auto const got = counts(f, 20'000, at(5s));  // a half, and a tenth
  CHECK(got[0] + got[1] == 0);
  CHECK(got[3] > 1000);
  CHECK(got[3] < 5000);
}

TEST_CASE("slow_start: every healthy member is found, however few, and however new") {
  rng d{5};
  for (std::size_t const n : {1u, 2u, 3u, 10u, 100u}) {
    fleet f{slow_start{round_robin{}, 10s}, servers(n), 3};
    for (int round = 0; round != 50; ++round) {
      for (std::size_t i = 0; i != n; ++i) {
        f.set(i, health_flag::down);
        if (random_below(d, 2) == 0) f.pool.begin_slow_start(f.ids[i], at(1s * round));
      }
      std::size_t const up = random_below(d, static_cast<std::uint32_t>(n));
      CHECK(f.picker.select({.now = at(1s * round)}).error() == pick_error::all_down);
      f.pool.clear(f.ids[up], health_flag::down, at(1s * round));
      for (int i = 0; i != 20; ++i) REQUIRE(f.picker.select({.now = at(1s * round)}).id() == f.ids[up]);
      if (round % 3 == 0) f.pool.refresh();
    }
  }
}

TEST_CASE("slow_start: least_connections does not give a newcomer all the work") {
  fleet f{slow_start{least_connections{}, 10s}, servers(100), 3};
  std::vector<lease<server>> held;
  f.set(0, health_flag::down);
  for (int i = 0; i != 99 * 20; ++i) held.push_back(f.picker.acquire({.now = at(0s)}));
  f.pool.clear(f.ids[0], health_flag::down, at(0s));
  f.pool.refresh();
  for (int i = 0; i != 99; ++i) held.push_back(f.picker.acquire({.now = at(0s)}));
  CHECK(f.pool.in_flight(f.ids[0]) >= 1);
  CHECK(f.pool.in_flight(f.ids[0]) <= 4);  // a tenth of 20, and one more
  for (int i = 0; i != 99 * 4; ++i) held.push_back(f.picker.acquire({.now = at(5s)}));
  CHECK(f.pool.in_flight(f.ids[0]) >= 9);
  CHECK(f.pool.in_flight(f.ids[0]) <= 15);
  for (int i = 0; i != 99; ++i) held.push_back(f.picker.acquire({.now = at(10s)}));
  CHECK(f.pool.in_flight(f.ids[0]) >= 24);  // now it is as any other
}

TEST_CASE("slow_start: a bound session goes to its backend, however new that is") {
  fleet f{slow_start{sticky{round_robin{}}, 10s}, servers(5), 3};
  f.pool.begin_slow_start(f.ids[2], at(0s));
  for (int i = 0; i != 100; ++i) REQUIRE(f.picker.select({.now = at(0s), .session = f.ids[2]}).id() == f.ids[2]);
}

TEST_CASE("slow_start: a pick without a time takes no notice, and an old clock counts as 0") {
  fleet f{slow_start{round_robin{}, 10s}, servers(4), 0};
  f.pool.begin_slow_start(f.ids[1], at(100s));
  for (int const k : counts(f, 400, {})) CHECK(k == 100);
  auto const got = counts(f, 4000, at(50s));  // a worker's time that is older
  CHECK(std::abs(got[1] - 129) < 60);
}

TEST_CASE("slow_start: a membership's time ends with it, and late news changes nothing") {
  fleet f{slow_start{round_robin{}, 10s}, servers(2), 0};
  f.pool.begin_slow_start(f.ids[0], at(0s));
  auto const old = f.ids[0];
  f.pool.remove(old);
  f.pool.refresh();
  CHECK(!f.pool.begin_slow_start(old, at(1s)));
  CHECK(!f.pool.begin_slow_start({}, at(1s)));
  CHECK(!f.pool.begin_slow_start({0xFFFFFFFF, 0xFFFFF000}, at(1s)));
  f.ids[0] = f.pool.add(server{"new"});
  REQUIRE(f.ids[0].slot == old.slot);
  for (int const k : counts(f, 400, at(1s))) CHECK(k == 200);
}

TEST_CASE("slow_start: assign() may say when the backends that join begin") {
  pool<server> p;
  balancer lb{p, slow_start{round_robin{}, 10s}, 3};
  auto picker = lb.make_picker();
  auto all = servers(3);
  p.assign(all);
  all.push_back(server{"new"});
  p.assign(all, {.joined_at = at(0s)});
  int of_new = 0;
  for (int i = 0; i != 3100; ++i) of_new += picker.select({.now = at(0s)})->name == "new";
  CHECK(std::abs(of_new - 100) < 50);
}

TEST_CASE("slow_start: clear() with a time begins it only if the flag was set") {
  fleet f{slow_start{round_robin{}, 10s}, servers(2), 0};
  CHECK(f.pool.clear(f.ids[0], health_flag::down, at(0s)));
  for (int const k : counts(f, 400, at(0s))) CHECK(k == 200);
}

TEST_CASE("slow_start: it begins when a check is good again, and when an ejection ends") {
  fleet f{slow_start{round_robin{}, 10s}, servers(4), 3};
  check_scheduler<server> checks{f.pool, {.interval = 1s, .rise = 1, .fall = 1, .first_within = 0s, .jitter = 0}};
  checks.follow(at(0s));
  auto const check_all = [&](time_point now, check_answer of_first) {
    while (auto const probe = checks.next(now))
      checks.finish(probe, {probe.id == f.ids[0] ? of_first : check_answer::good}, now);
  };
  check_all(at(1s), check_answer::failed);
  REQUIRE(f.pool.health(f.ids[0]) == health_flag::down);
  check_all(at(10s), check_answer::good);
  REQUIRE(f.pool.health(f.ids[0]) == health_flag::none);
  CHECK(counts(f, 4000, at(10s))[0] < 200);
  CHECK(counts(f, 4000, at(20s))[0] == 1000);

  outlier_detection<server> detection{f.pool, {.most_ejected = 50, .errors = {.failures = 1}}};
  detection.report(f.ids[1], outcome::error, at(30s));
  detection.end_interval(at(70s));
  REQUIRE(f.pool.health(f.ids[1]) == health_flag::none);
  CHECK(counts(f, 4000, at(70s))[1] < 200);
  CHECK(counts(f, 4000, at(80s))[1] == 1000);
}

TEST_CASE("slow_start: explain tells the share of a backend that is declined") {
  fleet f{slow_start{maglev{}, 10s}, servers(3), 0};
  f.pool.begin_slow_start(f.ids[0], at(0s));
  std::uint64_t key = 0;
  while (f.picker.select(key).id() != f.ids[0] || f.picker.select(key, {.now = at(0s)}).id() == f.ids[0]) ++key;
  auto const text = f.picker.explain(key, {.now = at(0s)}).text();
  CHECK_THAT(text, ContainsSubstring("in slow start") && ContainsSubstring("share 0.1"));
}

TEST_CASE("slow_start: it is made by name, and refuses values out of range") {
  auto const registry = policy_registry::standard();
  CHECK(registry.make("slow_start{round_robin, window=5, min_share=0.2}").describe() ==
        "slow_start{round_robin, window=5, min_share=0.2}");
  CHECK(describe(slow_start{round_robin{}, 90s}) == "slow_start{round_robin, window=90}");
#if EQUIPOISE_EXCEPTIONS
  CHECK_THROWS_WITH(slow_start(round_robin{}, 0s),
                    ContainsSubstring("slow_start::window 0 is outside 0.001 … 1000000"));
  CHECK_THROWS_WITH(slow_start(round_robin{}, -5s), ContainsSubstring("slow_start::window -5"));
  CHECK_THROWS_WITH(slow_start(round_robin{}, 5s, NAN), ContainsSubstring("slow_start::aggression"));
  CHECK_THROWS_WITH(slow_start(round_robin{}, 5s, 1, 1.5), ContainsSubstring("slow_start::min_share 1.5"));
#endif
  fleet f{registry.make("slow_start{least_connections}"), servers(2), 0};
  CHECK(is_load_aware(registry.make("failover{slow_start{power_of_two}}")));
  CHECK(!is_load_aware(registry.make("slow_start{maglev}")));
}

}  // namespace slow_start_test
