// SPDX-License-Identifier: MIT
// Laws of the damping between a source of service discovery and a pool.
#include "support.hpp"

#include <equipoise/discovery/feed.hpp>

#include <set>

namespace feed_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

discovered one(std::string name, std::uint32_t weight = 1, health_flag flags = health_flag::none) {
  return {name, {"host-" + name, 80, {.weight = weight}}, flags};
}
std::vector<discovered> list(std::string const& names) {
  std::vector<discovered> all;
  for (char c : names) all.push_back(one(std::string(1, c)));
  return all;
}
std::string names(std::optional<std::vector<discovered>> const& l) {
  std::string all;
  if (!l) return "nothing";
  for (auto const& d : *l) all += d.name;
  return all;
}
}  // namespace

TEST_CASE("discovery_feed: joins count at once, removals after the hold") {
  discovery_feed feed{{.hold = 10s, .interval = 0s}};
  CHECK(feed.due() == time_point::max());
  CHECK(names(feed.take(at(0s))) == "nothing");
  REQUIRE(feed.offer(list("cab"), at(0s)));
  CHECK(feed.due() <= at(0s));
  CHECK(names(feed.take(at(0s))) == "abc");
  CHECK(feed.due() == time_point::max());
  REQUIRE(feed.offer(list("acd"), at(1s)));
  CHECK(names(feed.take(at(1s))) == "abcd");
  CHECK(feed.status().held == 1);
  CHECK(feed.status().members == 4);
  CHECK(feed.due() == at(11s));
  CHECK(names(feed.take(at(11s) - 1ns)) == "nothing");
  CHECK(names(feed.take(at(11s))) == "acd");
  CHECK(feed.status().held == 0);
}

TEST_CASE("discovery_feed: a backend that comes back within the hold changes nothing") {
  discovery_feed feed{{.hold = 10s, .interval = 0s}};
  REQUIRE(feed.offer(list("ab"), at(0s)));
  REQUIRE(feed.take(at(0s)));
  for (int i = 0; i != 100; ++i) {
    REQUIRE(feed.offer(list(i % 2 == 0 ? "a" : "ab"), at(9s * (i + 1))));
    CHECK(!feed.take(at(9s * (i + 1))));
  }
}

TEST_CASE("discovery_feed: an address, a weight and a flag count at once") {
  discovery_feed feed{{.hold = 1h, .interval = 0s}};
  REQUIRE(feed.offer({one("a"), one("b")}, at(0s)));
  REQUIRE(feed.take(at(0s)));
  REQUIRE(feed.offer({one("a", 5), one("b", 1, health_flag::draining)}, at(1s)));
  auto const l = feed.take(at(1s));
  REQUIRE(l);
  CHECK((*l)[0].at.attrs.weight == 5);
  CHECK((*l)[1].flags == health_flag::draining);
  auto moved = one("a", 5);
  moved.at.host = "elsewhere";
  REQUIRE(feed.offer({moved, one("b", 1, health_flag::draining)}, at(2s)));
  CHECK(feed.take(at(2s))->at(0).at.host == "elsewhere");
  moved.incarnation = "another pod";
  REQUIRE(feed.offer({moved, one("b", 1, health_flag::draining)}, at(3s)));
  CHECK(feed.take(at(3s))->at(0).incarnation == "another pod");
}

TEST_CASE("discovery_feed: the order of a list means nothing") {
  discovery_feed feed{{.interval = 0s}};
  REQUIRE(feed.offer(list("abcd"), at(0s)));
  REQUIRE(feed.take(at(0s)));
  REQUIRE(feed.offer(list("dbca"), at(1s)));
  CHECK(!feed.take(at(1s)));
}

TEST_CASE("discovery_feed: an empty list is refused, unless none is meant") {
  discovery_feed feed{{.hold = 0s, .interval = 0s}};
  REQUIRE(feed.offer(list("ab"), at(0s)));
  REQUIRE(feed.take(at(0s)));
  auto const refused = feed.offer({}, at(1s));
  CHECK(refused.error() == "equipoise: the list is empty");
  CHECK(!feed.take(at(1s)));
  CHECK(!feed.status().is_current);
  CHECK(feed.status().problem == "equipoise: the list is empty");
  CHECK(feed.status().since == at(1s));
  CHECK(feed.status().refused == 1);
  CHECK(!feed.offer({}, at(2s)));
  CHECK(feed.status().since == at(1s));  // when the problem began
  REQUIRE(feed.offer({}, at(3s), true));
  CHECK(names(feed.take(at(3s))) == "");
  CHECK(feed.status().is_current);
  discovery_feed other{{.hold = 0s, .interval = 0s, .takes_empty = true}};
  REQUIRE(other.offer({}, at(0s)));
  CHECK(names(other.take(at(0s))) == "");
}

TEST_CASE("discovery_feed: a bad entry refuses the list, naming field and value") {
  discovery_feed feed{{.hold = 0s, .interval = 0s}};
  REQUIRE(feed.offer(list("ab"), at(0s)));
  REQUIRE(feed.take(at(0s)));
  auto const refusal = [&](discovered bad) {
    auto done = feed.offer({one("z"), std::move(bad)}, at(1s));
    CHECK(names(feed.take(at(1s))) == "nothing");
    return done.error();
  };
  CHECK(refusal(one("")) == "equipoise: a backend's name is empty");
  CHECK(refusal(one("z")) == "equipoise: backend 'z' is listed twice");
  CHECK(refusal({"x", {"", 80}}) == "equipoise: the host of backend 'x' is empty");
  CHECK_THAT(refusal({"x", {"a b", 80}}), ContainsSubstring("host 'a b'"));
  CHECK(refusal({"x", {"h", 0}}) == "equipoise: the port of backend 'x' is 0");
  CHECK_THAT(refusal({"x", {"h", 1, {.priority = 65536}}}), ContainsSubstring("priority 65536"));
  CHECK_THAT(refusal(one("x", 1, health_flag::removed)), ContainsSubstring("flags removed"));
  CHECK_THAT(refusal(one("x", 1, health_flag::ejected)), ContainsSubstring("flags ejected"));
  CHECK(feed.status().refused == 8);
}

TEST_CASE("discovery_feed: while the source fails, nothing is removed") {
  discovery_feed feed{{.hold = 10s, .interval = 0s}};
  feed.failed("connection refused", at(0s));
  CHECK(!feed.take(at(0s)));
  CHECK(feed.status().problem == "connection refused");
  REQUIRE(feed.offer(list("ab"), at(1s)));
  REQUIRE(feed.take(at(1s)));
  REQUIRE(feed.offer(list("a"), at(2s)));
  feed.failed("connection refused", at(3s));
  CHECK(feed.due() <= at(3s));  // what was offered before
  CHECK(!feed.take(at(3s)));
  CHECK(feed.due() == time_point::max());
  CHECK(!feed.take(at(1h)));
  CHECK(feed.status().failures == 2);
  CHECK(feed.status().since == at(3s));
  REQUIRE(feed.offer(list("a"), at(2h)));  // it is still missing, and has been for long
  CHECK(names(feed.take(at(2h))) == "a");
}

TEST_CASE("discovery_feed: a source that fails and repeats its last list fails since then") {
  discovery_feed feed{{.hold = 10s, .interval = 0s}};
  for (int i = 0; i != 5; ++i) {
    REQUIRE(feed.offer(list("ab"), at(1s * i)));
    feed.failed("connection refused", at(1s * i));
    CHECK(feed.status().since == at(0s));
  }
  REQUIRE(feed.offer(list("ab"), at(10s)));
  CHECK(feed.status().since == time_point{});
  feed.failed("connection refused", at(11s));
  CHECK(feed.status().since == at(11s));
}

TEST_CASE("discovery_feed: between two lists there is the interval") {
  discovery_feed feed{{.hold = 0s, .interval = 100ms}};
  std::size_t lists = 0;
  auto last = at(-1s);
  for (int i = 0; i != 10'000; ++i) {  // a source that changes a weight each millisecond
    auto const now = at(1ms * i);
    REQUIRE(feed.offer({one("a", static_cast<std::uint32_t>(i + 1))}, now));
    if (!feed.take(now)) continue;
    CHECK(detail::elapsed(last, now) >= 100ms);
    last = now;
    ++lists;
  }
  CHECK(lists == 100);
}

// Each backend flaps by chance. It never leaves before it has been missing for the hold, joins at once, leaves at most
// once in a hold, and is a member whenever it is listed.
TEST_CASE("discovery_feed: what is listed is in, and leaves at most once in a hold") {
  for (std::uint64_t seed = 1; seed != 30; ++seed) {
    rng d{seed};
    auto const hold = std::chrono::seconds{random_below(d, 20)};
    discovery_feed feed{{.hold = hold, .interval = 0s}};
    std::map<std::string, time_point> listed_last, left_last;
    std::set<std::string> members;
    auto now = at(0s);
    for (int step = 0; step != 2'000; ++step) {
      now += std::chrono::milliseconds{1 + random_below(d, 2'000)};
      std::vector<discovered> l;
      for (char c = 'a'; c != 'h'; ++c)
        if (random_below(d, 3) != 0) l.push_back(one(std::string(1, c)));
      bool const good = feed.offer(l, now).has_value();
      CHECK(good == !l.empty());
      if (good)
        for (auto const& x : l) listed_last[x.name] = now;
      auto const taken = feed.take(now);
      if (!taken) continue;
      std::set<std::string> next;
      for (auto const& x : *taken) next.insert(x.name);
      for (auto const& x : l) CHECK((!good || next.count(x.name) == 1));
      for (auto const& name : members)
        if (next.count(name) == 0) {
          CHECK(detail::elapsed(listed_last[name], now) >= hold);
          if (left_last.count(name) != 0) CHECK(detail::elapsed(left_last[name], now) >= hold);
          left_last[name] = now;
        }
      members = next;
    }
  }
}

TEST_CASE("discovery_feed: a clock that goes backwards removes nothing early") {
  discovery_feed feed{{.hold = 10s, .interval = 1s}};
  REQUIRE(feed.offer(list("ab"), at(100s)));
  REQUIRE(feed.take(at(100s)));
  REQUIRE(feed.offer(list("a"), at(101s)));
  CHECK(!feed.take(at(102s)));
  CHECK(!feed.take(at(0s)));
  CHECK(!feed.take(at(9s)));
  CHECK(names(feed.take(at(10s))) == "a");
  REQUIRE(feed.offer(list("ac"), at(0s)));
  CHECK(!feed.take(at(0s)));
  CHECK(names(feed.take(at(1s))) == "ac");
}

TEST_CASE("discovery_feed: the longest times do not overflow, and negative ones are refused") {
  auto const longest = std::chrono::nanoseconds::max();
  discovery_feed feed{{.hold = longest, .interval = longest}};
  REQUIRE(feed.offer(list("ab"), at(0s)));
  CHECK(names(feed.take(at(0s))) == "ab");
  REQUIRE(feed.offer(list("a"), at(1s)));
  CHECK(!feed.take(time_point::max() - 1ns));
  CHECK_THROWS_WITH((discovery_feed{{.hold = -1ns}}), "equipoise: feed_options::hold -1 ns is negative");
  CHECK_THROWS_WITH((discovery_feed{{.interval = -2ns}}), "equipoise: feed_options::interval -2 ns is negative");
}

}  // namespace feed_test
