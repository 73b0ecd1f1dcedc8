// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/discovery/pool_feed.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/slow_start.hpp>

namespace pool_feed_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

discovered one(std::string name, health_flag flags = health_flag::none, attributes const& a = {}) {
  return {name, {"host-" + name, 80, a}, flags};
}
struct moody {  // equal to nothing
  std::string name;
  bool operator==(moody const&) const { return false; }
};
std::string_view key_of(moody const& b) { return b.name; }
struct blind {
  std::string name;
  bool operator==(blind const& other) const { return name == other.name; }
};
std::string_view key_of(blind const& b) { return b.name; }
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

TEST_CASE("pool_feed: a backend that joins others starts slowly") {
  pool<discovered> p;
  balancer lb{p, slow_start{round_robin{}, 100s}, 0};
  auto picker = lb.make_picker();
  pool_feed feed{p, quick};
  bool const watched = GENERATE(false, true);  // with on_join it waits for a moment
  if (watched) feed.on_join = [](backend_id) {};
  auto const picks_of = [&](std::string const& name, time_point now) {
    int n = 0;
    for (int i = 0; i != 1'200; ++i) n += picker.select({.now = now})->name == name;
    return n;
  };
  REQUIRE(feed.offer({one("a"), one("b")}, at(0s)));
  feed.update(at(0s));
  CHECK(picks_of("a", at(0s)) == 600);
  REQUIRE(feed.offer({one("a"), one("b"), one("c")}, at(1s)));
  feed.update(at(1s));
  CHECK(picks_of("c", at(1s)) < 100);
  CHECK(picks_of("c", at(101s)) == 400);
  auto moved = one("b");
  moved.at.host = "elsewhere";
  REQUIRE(feed.offer({one("a"), moved, one("c")}, at(200s)));
  feed.update(at(200s));
  CHECK(picks_of("b", at(200s)) < 100);
}

TEST_CASE("pool_feed: members from before the first list stay, and have not joined") {
  pool<discovered> p;
  p.assign({one("a"), one("b")});
  auto const a = p.find("a"), b = p.find("b");
  p.set(b, health_flag::ejected);
  pool_feed feed{p, quick};
  std::vector<backend_id> joined;
  balancer lb{p, round_robin{}, 0};
  auto picker = lb.make_picker();
  feed.on_join = [&](backend_id id) {
    joined.push_back(id);
    CHECK(picker.select()->name == "a");
  };
  REQUIRE(feed.offer({one("a"), one("b", health_flag::draining), one("c")}, at(0s)));
  feed.update(at(0s));
  CHECK(p.find("a") == a);
  CHECK(p.find("b") == b);
  CHECK(p.health(b) == (health_flag::ejected | health_flag::draining));
  CHECK(joined == std::vector{p.find("c")});
}

// A source that flaps a hundred times a second: what the pool sees is bounded, and none leaves.
TEST_CASE("pool_feed: a source that flaps each 10 ms changes a pool once in 100 ms at most") {
  pool<discovered> p;
  pool_feed feed{p, {.hold = 10s, .interval = 100ms}};
  REQUIRE(feed.offer({one("a"), one("b"), one("c")}, at(0s)));
  feed.update(at(0s));
  auto const b = p.find("b");
  int changes = 0;
  for (int i = 1; i != 6'000; ++i) {  // for a minute: b is missing in each other list, and c drains in each third
    auto const now = at(10ms * i);
    std::vector<discovered> list{one("a"), one("c", i % 3 == 0 ? health_flag::draining : health_flag::none)};
    if (i % 2 == 0) list.push_back(one("b"));
    REQUIRE(feed.offer(std::move(list), now));
    auto const before = p.health(p.find("c"));
    auto const done = feed.update(now);
    CHECK(done.removed + done.added == 0);
    changes += p.health(p.find("c")) != before;
  }
  CHECK(p.find("b") == b);
  CHECK(p.size() == 3);
  CHECK(changes > 0);
  CHECK(changes <= 600);
}

TEST_CASE("pool_feed: a list that the pool refused is tried again") {
  pool<discovered> p{{.capacity = 3}};
  balancer lb{p, round_robin{}, 0};
  auto picker = lb.make_picker();
  pool_feed feed{p, {.hold = 0s, .interval = 1s}};
  REQUIRE(feed.offer({one("a"), one("b")}, at(0s)));
  feed.update(at(0s));
  auto first = picker.acquire(), second = picker.acquire();  // their slots stay in use
  REQUIRE(feed.offer({one("c"), one("d")}, at(10s)));
  CHECK(feed.update(at(10s)).refused);
  CHECK_THAT(feed.status().problem, ContainsSubstring("the pool refused the list"));
  CHECK(feed.due() == at(11s));
  CHECK(!feed.update(at(10s)).refused);  // too early
  CHECK(feed.update(at(11s)).refused);
  CHECK(p.find("a"));
  first = {}, second = {};
  p.remove(p.find("a"));
  CHECK(feed.update(at(12s)).added == 2);
  CHECK(p.find("d"));
  CHECK(feed.due() == time_point::max());
}

TEST_CASE("pool_feed: a list that a policy refuses changes nothing at all") {
  pool<discovered> p;
  balancer lb{p, ring_hash{}, 0};
  pool_feed feed{p, quick};
  REQUIRE(feed.offer({one("a"), one("b")}, at(0s)));
  feed.update(at(0s));
  auto heavy = one("c", health_flag::draining);
  heavy.at.attrs.weight = 4'000'000'000;
  REQUIRE(feed.offer({one("b"), heavy}, at(100s)));
  CHECK(feed.update(at(100s)).refused);
  CHECK(p.find("a"));
  CHECK(!p.find("c"));
}

TEST_CASE("pool_feed: who joins is what the pool says, so no backend waits for ever") {
  auto const run = [](auto const& made, std::size_t joins) {
    using B = std::remove_cvref_t<decltype(made)>;
    pool<B> p;
    pool_feed<B> feed{p, quick, [](discovered const& d) { return B{d.name}; }};
    std::size_t joined = 0;
    feed.on_join = [&](backend_id id) {
      ++joined;
      CHECK((p.health(id) & health_flag::saturated) != health_flag::none);
    };
    for (std::uint16_t const port : std::initializer_list<std::uint16_t>{1, 2, 3}) {
      auto moved = one("a");
      moved.at.port = port;
      REQUIRE(feed.offer({moved}, at(std::chrono::seconds{port})));
      feed.update(at(std::chrono::seconds{port}));
      CHECK(p.health(p.find("a")) == health_flag::none);
    }
    CHECK(joined == joins);
  };
  run(moody{}, 3);
  run(blind{}, 1);
}

}  // namespace pool_feed_test
