// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/discovery/pool_feed.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace pool_feed_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

discovered one(std::string name, health_flag flags = health_flag::none, attributes const& a = {}) {
  return {name, {"host-" + name, 80, a}, flags};
}
constexpr feed_options quick{.hold = 0s, .interval = 0s};
}  // namespace

TEST_CASE("pool_feed: the pool follows the list, with weights, zones and flags") {
  pool<discovered> p;
  pool_feed feed{p, quick};
  CHECK(!feed.update(at(0s)));
  REQUIRE(feed.offer({one("a", health_flag::none, {3, 1, "west"}), one("b", health_flag::draining)}, at(0s)));
  CHECK(feed.update(at(0s)).added == 2);
  auto const a = p.find("a"), b = p.find("b");
  CHECK(p.health(a) == health_flag::none);
  CHECK(p.health(b) == health_flag::draining);
  p.for_each([](backend_id, discovered const& d, attributes const& attrs, health_flag) {
    if (d.name == "a") CHECK(attrs == attributes{3, 1, "west"});
  });
  REQUIRE(feed.offer({one("a", health_flag::maintenance), one("b")}, at(1s)));
  CHECK(feed.update(at(1s)));
  CHECK(p.find("a") == a);
  CHECK(p.health(a) == health_flag::maintenance);
  CHECK(p.health(b) == health_flag::none);
  REQUIRE(feed.offer({one("b")}, at(2s)));
  CHECK(feed.update(at(2s)).removed == 1);
  CHECK(p.size() == 1);
}

TEST_CASE("pool_feed: a flag that something else has set stays") {
  pool<discovered> p;
  pool_feed feed{p, quick};
  REQUIRE(feed.offer({one("a", health_flag::draining)}, at(0s)));
  feed.update(at(0s));
  p.set(p.find("a"), health_flag::down | health_flag::ejected);
  REQUIRE(feed.offer({one("a")}, at(1s)));
  feed.update(at(1s));
  CHECK(p.health(p.find("a")) == (health_flag::down | health_flag::ejected));
  p.clear(p.find("a"), health_flag::down | health_flag::ejected);
  p.set(p.find("a"), health_flag::draining);  // by hand, and the source never said so since
  REQUIRE(feed.offer({one("a", health_flag::none, {.weight = 2})}, at(2s)));
  feed.update(at(2s));
  CHECK(p.health(p.find("a")) == health_flag::draining);
}

TEST_CASE("pool_feed: a backend that joins with a flag gets no pick before the flag is set") {
  struct watcher {
    equipoise::picker<discovered, round_robin>* picker = nullptr;
    int seen = 0;
  } w;
  // The observer runs when a flag has just been set: any pick before that would have been possible until then.
  pool<discovered> p;
  balancer lb{p, round_robin{}, 0};
  auto picker = lb.make_picker();
  w.picker = &picker;
  pool_feed feed{p, quick};
  feed.on_join = [&](backend_id id) {
    auto const c = w.picker->select();
    w.seen += c && c.id() == id;
  };
  REQUIRE(feed.offer({one("a"), one("b", health_flag::draining), one("c", health_flag::down)}, at(0s)));
  CHECK(feed.update(at(0s)).added == 3);
  CHECK(w.seen == 0);
  for (int i = 0; i != 6; ++i) CHECK(picker.select()->name == "a");
}

TEST_CASE("pool_feed: another address or incarnation is another membership") {
  pool<discovered> p;
  pool_feed feed{p, quick};
  REQUIRE(feed.offer({one("a", health_flag::draining)}, at(0s)));
  feed.update(at(0s));
  auto const before = p.find("a");
  auto next = one("a");
  next.incarnation = "uid-2";
  REQUIRE(feed.offer({next}, at(1s)));
  feed.update(at(1s));
  CHECK(p.find("a") != before);
  CHECK(p.health(p.find("a")) == health_flag::none);
}

TEST_CASE("pool_feed: what the pool refuses changes nothing, and the status says so") {
  pool<discovered> p;
  balancer lb{p, failover{round_robin{}}, 0};
  pool_feed feed{p, quick};
  REQUIRE(feed.offer({one("a")}, at(0s)));
  feed.update(at(0s));
  REQUIRE(feed.offer({one("a"), one("b", health_flag::none, {.priority = 8})}, at(1s)));
  auto const done = feed.update(at(1s));
  CHECK(done.refused);
  CHECK(p.size() == 1);
  CHECK(!feed.status().is_current);
  CHECK_THAT(feed.status().problem, ContainsSubstring("the pool refused the list") && ContainsSubstring("priority 8"));
  REQUIRE(feed.offer({one("a"), one("b")}, at(2s)));
  CHECK(feed.update(at(2s)).added == 1);
  CHECK(feed.status().is_current);
}

TEST_CASE("pool_feed: an application's own type, and a member that was removed by hand") {
  pool<server> p;
  pool_feed<server> feed{p, quick, [](discovered const& d) { return server{d.name}; }};
  REQUIRE(feed.offer({one("a", health_flag::draining), one("b")}, at(0s)));
  CHECK(feed.update(at(0s)).added == 2);
  p.remove(p.find("a"));
  REQUIRE(feed.offer({one("a", health_flag::draining), one("b"), one("c")}, at(1s)));
  CHECK(feed.update(at(1s)).added == 2);
  CHECK(p.health(p.find("a")) == health_flag::draining);
}

}  // namespace pool_feed_test
