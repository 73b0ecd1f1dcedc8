// SPDX-License-Identifier: MIT
// Laws of failure windows. That they are nginx's is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/compat/nginx.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>

namespace failure_window_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

struct watched {
  equipoise::pool<server> pool;
  failure_window<server> window;
  std::vector<backend_id> ids;

  explicit watched(std::size_t n, failure_window_options const& o = {}) : window{pool, o} {
    for (auto const& s : servers(n)) ids.push_back(pool.add(s));
  }
  void fail(std::size_t i, int times, time_point now) {
    for (int k = 0; k != times; ++k) window.report(ids[i], outcome::error, now);
  }
  bool works(std::size_t i, time_point now) {
    if (!window.began(ids[i], now)) return false;
    window.report(ids[i], outcome::ok, now);
    return true;
  }
  bool is_out(std::size_t i) const { return (pool.health(ids[i]) & health_flag::ejected) != health_flag::none; }
  std::size_t out() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i != ids.size(); ++i) n += is_out(i);
    return n;
  }
};
}  // namespace

TEST_CASE("failure_window: three failures put a backend out, and one request decides") {
  watched w{3};
  w.fail(1, 2, at(0s));
  CHECK(!w.is_out(1));
  w.fail(1, 1, at(5s));
  CHECK(w.is_out(1));
  w.window.advance(at(35s));
  CHECK(w.is_out(1));  // for longer than 30 s
  w.window.advance(at(36s));
  CHECK(!w.is_out(1));
  CHECK(w.window.began(w.ids[1], at(36s)));  // the trial
  CHECK(w.is_out(1));
  CHECK(!w.window.began(w.ids[1], at(36s)));
  w.window.report(w.ids[1], outcome::ok, at(37s));
  CHECK(!w.is_out(1));
  CHECK(w.window.began(w.ids[1], at(37s)));
  w.window.advance(at(38s));
  CHECK(w.window.ejected() == 0);
  CHECK(w.window.counts().trials == 1);
  CHECK(w.window.counts().revived == 1);
  w.fail(1, 2, at(38s));
  CHECK(!w.is_out(1));  // it begins anew
}

TEST_CASE("failure_window: a trial that fails or is lost keeps the backend out") {
  watched w{2};
  w.fail(0, 3, at(0s));
  w.window.advance(at(31s));
  CHECK(w.window.began(w.ids[0], at(31s)));
  w.fail(0, 1, at(32s));
  CHECK(w.is_out(0));
  w.window.advance(at(62s));
  CHECK(w.is_out(0));
  w.window.advance(at(63s));
  CHECK(w.window.began(w.ids[0], at(63s)));  // and is never reported
  w.window.advance(at(93s));
  CHECK(w.is_out(0));
  w.window.advance(at(94s));
  CHECK(!w.is_out(0));
  CHECK(w.works(0, at(94s)));
  CHECK(!w.is_out(0));
}

TEST_CASE("failure_window: failures add up until a later request ends well") {
  watched w{2};
  w.fail(0, 1, at(0s));
  for (int s = 0; s != 30; ++s) CHECK(w.works(0, at(std::chrono::seconds{s})));  // within the window: no matter
  w.fail(0, 1, at(30s));
  w.fail(0, 1, at(60s));
  CHECK(w.is_out(0));
  watched v{2};
  v.fail(0, 2, at(0s));
  CHECK(v.works(0, at(31s)));
  v.fail(0, 2, at(31s));
  CHECK(!v.is_out(0));
}

TEST_CASE("failure_window: an older request that fails during the ban extends it") {
  watched w{2};
  w.fail(0, 3, at(0s));
  w.fail(0, 1, at(20s));
  w.window.advance(at(50s));
  CHECK(w.is_out(0));
  w.window.advance(at(51s));
  CHECK(!w.is_out(0));
}

TEST_CASE("failure_window: times are multiples of the resolution") {
  failure_window_options o;
  o.failures = 1;
  o.window = 10ms;
  o.resolution = 1ms;
  watched w{2, o};
  w.fail(0, 1, at(900us));
  w.window.advance(at(10'999us));
  CHECK(w.is_out(0));
  w.window.advance(at(11ms));
  CHECK(!w.is_out(0));
  o.window = 0ms;  // out for the rest of the millisecond
  watched v{2, o};
  v.fail(0, 1, time_point{-1ns});
  CHECK(v.is_out(0));
  v.window.advance(time_point{-1ns});
  CHECK(v.is_out(0));
  v.window.advance(time_point{0ns});
  CHECK(!v.is_out(0));
}

TEST_CASE("failure_window: limits of one member hold for its membership") {
  watched w{3};
  CHECK(w.window.set_limits(w.ids[0], 1, 5s));
  CHECK(w.window.set_limits(w.ids[1], 0, 5s));
  w.fail(0, 1, at(0s));
  w.fail(1, 100, at(0s));
  w.fail(2, 2, at(0s));
  CHECK(w.is_out(0));
  CHECK(w.out() == 1);
  w.window.advance(at(6s));
  CHECK(w.out() == 0);
  w.window.advance(at(100s));
  auto const old = w.ids[0];
  w.pool.remove(old);
  w.pool.refresh();
  w.window.advance(at(101s));  // off the list
  w.ids[0] = w.pool.add(server{"new"});
  REQUIRE(w.ids[0].slot == old.slot);
  w.fail(0, 2, at(101s));
  CHECK(!w.is_out(0));
  w.fail(0, 1, at(101s));
  CHECK(w.is_out(0));
  CHECK(!w.window.set_limits(old, 1, 5s));
}

TEST_CASE("failure_window: never more than the limit are out, in any order of events") {
  for (double const most : {0.0, 10.0, 33.0, 50.0, 100.0}) {
    rng d{static_cast<std::uint64_t>(most) + 1};
    failure_window_options o;
    o.failures = 2;
    o.most_ejected = most;
    watched w{20, o};
    auto now = at(0s);
    std::uint32_t added = 20;
    for (int step = 0; step != 20'000; ++step) {
      now += std::chrono::milliseconds{random_below(d, 900)};
      auto const what = random_below(d, 200);
      auto const i = random_below(d, static_cast<std::uint32_t>(w.ids.size()));
      if (what == 0 && w.ids.size() > 2) {
        w.pool.remove(w.ids[i]);
        w.ids.erase(w.ids.begin() + i);
        w.window.advance(now);
      } else if (what == 1 && w.ids.size() < 40) {
        w.ids.push_back(w.pool.add(server{"joined-" + std::to_string(added++)}));
      } else if (what < 30) {
        w.window.advance(now);
      } else if (what < 100) {
        w.window.began(w.ids[i], now);
      } else {
        w.window.report(w.ids[i], static_cast<outcome>(random_below(d, 6)), now);
      }
      std::size_t const out = w.out();
      if (static_cast<double>(out) * 100 > most * static_cast<double>(w.pool.size()))
        FAIL(most << " %: " << out << " of " << w.pool.size() << " are out after step " << step);
      if (w.window.ejected() < out) FAIL("the detector counts " << w.window.ejected() << " of " << out);
    }
    now += 1h;
    w.window.advance(now);
    CHECK(w.out() == 0);  // each has a way back
    for (std::size_t i = 0; i != w.ids.size(); ++i) CHECK(w.works(i, now));
    w.window.advance(now);
    CHECK(w.window.ejected() == 0);
    CHECK((most == 0 || w.window.counts().ejected > 100));
    CHECK((most == 0 || w.window.counts().revived > 10));
  }
}

TEST_CASE("failure_window: a clock that goes backwards ends no ban early") {
  watched w{2};
  w.fail(0, 3, at(100s));
  w.fail(0, 1, at(0s));  // late, and no reason to come back sooner
  w.window.advance(at(0s));
  CHECK(w.is_out(0));
  w.window.advance(at(130s));
  CHECK(w.is_out(0));
  w.window.advance(at(131s));
  CHECK(!w.is_out(0));
  CHECK(w.window.began(w.ids[0], at(50s)));  // the trial, by an older clock
  w.window.report(w.ids[0], outcome::ok, at(50s));
  CHECK(!w.is_out(0));
}

TEST_CASE("failure_window: rejected, cancelled and late reports say nothing") {
  watched w{2};
  for (int i = 0; i != 100; ++i) {
    w.window.report(w.ids[0], outcome::rejected, at(0s));
    w.window.report(w.ids[0], outcome::cancelled, at(0s));
  }
  CHECK(!w.is_out(0));
  w.pool.remove(w.ids[0]);
  CHECK(w.window.began(w.ids[0], at(0s)));
  w.window.report(w.ids[0], outcome::error, at(0s));
  w.window.report({}, outcome::error, at(0s));
  w.window.report({0xFFFFFFFF, 0xFFFFF000}, outcome::error, at(0s));
  CHECK(w.window.counts().dropped == 3);
}

TEST_CASE("failure_window: other flags stay, and only the own one is cleared") {
  watched w{2};
  w.pool.set(w.ids[0], health_flag::down);
  w.fail(0, 3, at(0s));
  CHECK(w.pool.health(w.ids[0]) == (health_flag::down | health_flag::ejected));
  w.window.advance(at(31s));
  CHECK(w.pool.health(w.ids[0]) == health_flag::down);
}

TEST_CASE("nginx_round_robin: without failures the order is that of smooth weighted") {
  rng d{7};
  for (int run = 0; run != 20; ++run) {
    auto const list = weighted(random_weights(d, 1 + random_below(d, 12), 20));
    equipoise::pool<server> pool;
    pool.assign(list);
    failure_window<server> window{pool, compat::nginx_failure_presets()};
    balancer ours{pool, compat::nginx_round_robin{window}, 0};
    balancer smooth{pool, smooth_weighted_round_robin{}, 0};
    auto a = ours.make_picker();
    auto b = smooth.make_picker();
    for (int i = 0; i != 300; ++i) CHECK(a.select().id() == b.select().id());
    auto const chosen = [](explanation const& e) {
      for (auto const& row : e.rows)
        if (row.verdict == "chosen") return row.id;
      return backend_id{};
    };
    CHECK(chosen(a.explain()) == chosen(b.explain()));
    CHECK(a.select().id() == b.select().id());  // explain() has moved nothing
  }
}

TEST_CASE("nginx_round_robin: a failure lowers the share, and each turn raises it again") {
  equipoise::pool<server> pool;
  auto const a = pool.add(server{"A", 30});
  pool.add(server{"B", 10});
  failure_window_options o;
  o.failures = 3;
  failure_window<server> window{pool, o};
  balancer lb{pool, compat::nginx_round_robin{window}, 0};
  auto picker = lb.make_picker();
  auto const next = [&](int n) {
    std::string names;
    for (int i = 0; i != n; ++i) names += picker.select()->name;
    return names;
  };
  auto const share = [&](int n) {
    auto const names = next(n);
    return std::count(names.begin(), names.end(), 'A');
  };
  CHECK(next(4) == "AABA");
  window.report(a, outcome::error, at(0s));
  window.report(a, outcome::error, at(0s));  // the effective weight is 10 of 30 now, and 30 again after 20 turns
  CHECK(share(20) == 13);                    // not 15
  CHECK(share(40) == 30);
  pool.set(a, health_flag::down);
  CHECK(next(2) == "BB");
  pool.set(pool.find("B"), health_flag::down);
  CHECK(picker.select().error() == pick_error::all_down);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("failure_window_options: a value out of range is refused with its name") {
  pool<server> p;
  auto const refused = [&](auto change, char const* what) {
    failure_window_options o;
    change(o);
    CHECK_THROWS_WITH((failure_window<server>{p, o}),
                      ContainsSubstring("failure_window_options::" + std::string{what}));
  };
  refused([](auto& o) { o.window = -1ns; }, "window -1 ns is not 0 or more");
  refused([](auto& o) { o.resolution = 0ns; }, "resolution 0 ns is not more than 0");
  refused([](auto& o) { o.most_ejected = 100.5; }, "most_ejected 100.5");
  refused([](auto& o) { o.most_ejected = NAN; }, "most_ejected");
  failure_window<server> w{p};
  CHECK_THROWS_WITH(w.set_limits({}, 1, -1s), ContainsSubstring("window -1000000000 ns"));
}
#endif

}  // namespace failure_window_test
