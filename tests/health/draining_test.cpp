// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/draining.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace draining_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }
}  // namespace

TEST_CASE("drains: a backend is drained when its last lease ends, and gets nothing new") {
  fleet f{round_robin{}, servers(3)};
  auto a = f.picker.acquire(), b = f.picker.acquire();
  REQUIRE(a.id() == f.ids[0]);
  drains<server> d{f.pool};
  CHECK(d.begin(f.ids[0], at(60s)));
  CHECK(d.begin(f.ids[2], at(60s)));
  CHECK(should_close(f.pool, a.id()));
  CHECK(!should_close(f.pool, b.id()));
  for (int i = 0; i != 10; ++i) CHECK(f.picker.acquire().id() == f.ids[1]);
  CHECK(d.collect(at(0s)) == std::vector<drained>{{f.ids[2], 0}});
  CHECK(d.collect(at(1s)).empty());
  a.finish(outcome::ok);
  CHECK(d.collect(at(2s)) == std::vector<drained>{{f.ids[0], 0}});
  CHECK(d.size() == 0);
  CHECK(f.pool.health(f.ids[0]) == health_flag::draining);
}

TEST_CASE("drains: a deadline ends a drain with work left, and begin() may move it") {
  fleet f{round_robin{}, servers(1)};
  auto a = f.picker.acquire();
  drains<server> d{f.pool};
  d.begin(f.ids[0], at(10s));
  CHECK(d.collect(at(9s)).empty());
  d.begin(f.ids[0], at(20s));
  CHECK(d.size() == 1);
  CHECK(d.collect(at(10s)).empty());
  CHECK(d.collect(at(20s)) == std::vector<drained>{{f.ids[0], 1}});
}

TEST_CASE("drains: cancel gives the work back, and a removed backend leaves the list") {
  fleet f{round_robin{}, servers(2)};
  drains<server> d{f.pool};
  d.begin(f.ids[0], at(10s));
  CHECK(d.cancel(f.ids[0]));
  CHECK(!d.cancel(f.ids[0]));
  CHECK(f.pool.health(f.ids[0]) == health_flag::none);

  auto lease = f.picker.acquire();
  d.begin(lease.id(), at(10s));
  f.pool.remove(lease.id());
  CHECK(should_close(f.pool, lease.id()));
  CHECK(d.collect(at(0s)).empty());  // its lease is still held
  auto const id = lease.id();
  lease.finish(outcome::ok);
  f.pool.refresh();
  CHECK(d.collect(at(0s)) == std::vector<drained>{{id, 0}});
  CHECK(!d.begin(id, at(10s)));
  CHECK(!d.begin({}, at(10s)));
}

TEST_CASE("connection_age: connections end around the age, spread over the jitter") {
  connection_age const age{10min, 0.2};
  std::vector<int> minutes(16);
  for (std::uint64_t i = 0; i != 4000; ++i) {
    auto const lived = age.end(at(0s), i) - at(0s);
    REQUIRE(lived >= 8min);
    REQUIRE(lived <= 12min);
    ++minutes[static_cast<std::size_t>((lived - 8min) / 15s)];
  }
  for (int const n : minutes) CHECK(std::abs(n - 250) < 80);
  CHECK(connection_age{10min, 0}.end(at(0s), 7) == at(10min));
  CHECK(connection_age{std::chrono::nanoseconds::max(), 1}.end(at(0s), 7) > at(0s));
#if EQUIPOISE_EXCEPTIONS
  CHECK_THROWS_WITH((connection_age{0s, 0}.check()), ContainsSubstring("connection_age::most 0 ns"));
  CHECK_THROWS_WITH((connection_age{1s, -0.5}.check()), ContainsSubstring("connection_age::jitter -0.5"));
  CHECK_THROWS_WITH((connection_age{1s, NAN}.check()), ContainsSubstring("connection_age::jitter"));
#endif
}

}  // namespace draining_test
