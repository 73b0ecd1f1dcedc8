// SPDX-License-Identifier: MIT
// The transport with a real etcd.
#include <equipoise/with/etcd_client.hpp>

#include "etcd_cluster.hpp"
#include "support.hpp"

#include <equipoise/discovery/pool_feed.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <csignal>
#include <thread>

namespace etcd_client_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using etcd_cluster::cluster;
using etcd_cluster::etcd;
using nlohmann::json;

namespace {
time_point now() { return std::chrono::steady_clock::now(); }

// An event loop that runs until a condition holds.
struct loop {
  boost::asio::io_context io;
  template <class Condition>
  bool until(Condition condition, std::chrono::seconds most = 30s) {
    for (auto const end = now() + most; now() < end;) {
      if (condition()) return true;
      io.restart();
      io.run_for(10ms);
    }
    return condition();
  }
  void follow(
      etcd_source& source, std::function<void()> changed = [] {}) {
    boost::asio::co_spawn(io, equipoise::follow(source, std::move(changed)), boost::asio::detached);
  }
};

etcd_options to(cluster const& c) { return {.endpoints = c.endpoints, .silence = 1s, .retry = {50ms, 500ms}}; }
std::string member(int n) { return R"({"address": "10.0.0.)" + std::to_string(n) + R"(:80"})"; }
}  // namespace

TEST_CASE("etcd: members and words arrive, and an outage changes nothing") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{1};
  REQUIRE(c.put("members/a", member(1)));
  loop l;
  etcd_source source{to(c)};
  pool<discovered> p;
  pool_feed feed{p, {.hold = 0s, .interval = 0s}};
  l.follow(source, [&] {
    source.tell(feed, now());
    feed.update(now());
  });
  CHECK(l.until([&] { return p.size() == 1; }));
  REQUIRE(c.put("members/b", member(2)));
  CHECK(l.until([&] { return p.size() == 2; }));
  auto const a = p.find("a");
  REQUIRE(c.put("operators/a", R"({"drain": true})"));
  CHECK(l.until([&] { return p.health(a) == health_flag::draining; }));
  REQUIRE(c.erase("operators/a"));
  CHECK(l.until([&] { return p.health(a) == health_flag::none; }));

  c.members[0].kill();
  CHECK(l.until([&] { return !feed.status().is_current; }));
  CHECK(p.size() == 2);
  c.start(0);
  for (int i = 0; i != 100 && !c.put("members/c", member(3)); ++i) std::this_thread::sleep_for(100ms);
  CHECK(l.until([&] { return p.size() == 3; }));
  CHECK(p.find("a") == a);
  CHECK(feed.status().is_current);
  CHECK(source.ranges() == 1);  // the watch went on from where it was
  CHECK(source.watches() == 2);
  REQUIRE(c.erase("members/b"));
  CHECK(l.until([&] { return p.size() == 2; }));
  REQUIRE(c.put("members/a", "garbled"));
  CHECK(l.until([&] { return !source.mistake().empty(); }));
  CHECK_THAT(source.mistake(), ContainsSubstring("/equipoise/members/a is not JSON"));
  CHECK(p.find("a") == a);
}

TEST_CASE("etcd: after a compaction everything is read once more") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{1};
  REQUIRE(c.put("members/a", member(1)));
  REQUIRE(c.put("members/b", member(2)));
  etcd_source source{to(c)};
  auto const first = source.next(now());
  auto const answer = c.ask(first.target, json::parse(first.body));
  REQUIRE(answer);
  REQUIRE(source.range_answer(200, answer->dump(), now()));
  CHECK(source.members().size() == 2);
  REQUIRE(c.erase("members/b"));  // before the watch begins
  for (int i = 3; i != 20; ++i) REQUIRE(c.put("members/c", member(i)));
  auto const head = c.ask("/v3/kv/range", {{"key", detail::base64("x")}});
  REQUIRE(c.ask("/v3/kv/compaction", {{"revision", (*head)["header"]["revision"]}}));
  loop l;
  l.follow(source);
  CHECK(l.until([&] { return source.ranges() == 2; }));
  CHECK(source.members().size() == 2);
  CHECK(source.members()[1].at.host == "10.0.0.19");
  CHECK(source.problem().empty());
  REQUIRE(c.put("members/d", member(30)));
  CHECK(l.until([&] { return source.members().size() == 3; }));
}

TEST_CASE("etcd: a member that lost the others, or hangs, is left for another") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{3};
  REQUIRE(c.put("members/a", member(1)));
  loop l;
  auto options = to(c);
  options.endpoints = {c.endpoints[0]};
  etcd_source alone{options}, all{to(c), 5};
  l.follow(alone);
  l.follow(all);
  CHECK(l.until([&] { return alone.watches() == 1 && all.watches() == 1; }));

  c.members[0].signal(SIGSTOP);
  CHECK(l.until([&] { return !alone.problem().empty(); }));  // after the silence and a probe
  REQUIRE(c.endpoints.size() == 3);
  std::swap(c.endpoints[0], c.endpoints[2]);  // the test itself asks one that answers
  bool put = false;
  for (int i = 0; i != 50 && !put; ++i) put = c.put("members/b", member(2));
  REQUIRE(put);
  CHECK(l.until([&] { return all.members().size() == 2; }));
  c.members[0].signal(SIGCONT);
  CHECK(l.until([&] { return alone.members().size() == 2; }));

  c.members[1].kill();
  c.members[2].kill();
  CHECK(l.until([&] { return alone.problem().find("no leader") != std::string::npos; }));
  CHECK(alone.members().size() == 2);
  c.start(1);
  CHECK(l.until([&] { return alone.problem().empty() && all.problem().empty(); }));
}

}  // namespace etcd_client_test
