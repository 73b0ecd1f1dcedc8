// SPDX-License-Identifier: MIT
// A proxy whose backends come from a real etcd.
#include "catch.hpp"
#include "discovery_support.hpp"

#include <csignal>
#include <cstdlib>

namespace discovery_test {
using Catch::Matchers::ContainsSubstring;
using namespace fixture;
using etcd_cluster::cluster;
using etcd_cluster::etcd;

namespace {
std::string from(cluster const& c) { return discovery_section('"' + c.endpoints[0] + '"'); }
bool is_current(proxy_process const& p, bool wanted) {
  return eventually([&] { return stats_of(p)["discovery"]["is_current"] == wanted; });
}
}  // namespace

TEST_CASE("Weights, priorities, zones and an operator's words come from etcd") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{1};
  scripted_backend a{answers_with("a")}, b{answers_with("b")}, spare{answers_with("spare")};
  REQUIRE(c.put("members/a", member(a, R"(, "weight": 3, "zone": "west")")));
  REQUIRE(c.put("members/b", member(b)));
  REQUIRE(c.put("members/spare", member(spare, R"(, "priority": 1)")));
  proxy_process const p{no_health + from(c), "workers = 1\npolicy = \"failover{smooth_weighted_round_robin}\"\n"};
  REQUIRE(is(p, "spare", "up"));
  for (int i = 0; i != 40; ++i) p.get("/");
  CHECK(a.requests() == 30);
  CHECK(b.requests() == 10);
  CHECK(spare.requests() == 0);
  CHECK(backend_of(p, "a")["zone"] == "west");

  REQUIRE(c.put("operators/a", R"({"drain": true, "by": "jane"})"));
  CHECK(is(p, "a", "draining"));
  CHECK(logs(p, "etcd: a is draining"));
  REQUIRE(c.put("operators/b", R"({"maintenance": true})"));
  CHECK(is(p, "b", "maintenance"));
  CHECK(serves(p, "spare"));
  REQUIRE(c.erase("operators/a"));
  REQUIRE(c.put("operators/b", R"({"weight": 6})"));
  CHECK(is(p, "a", "up"));
  CHECK(is(p, "b", "up"));
  CHECK(logs(p, "etcd: no operator's word is left"));
  auto const before = a.requests();
  for (int i = 0; i != 90; ++i) p.get("/");
  CHECK(std::abs(a.requests() - before - 30) <= 3);  // a cycle may have begun before
  REQUIRE(c.erase("members/a"));
  CHECK(is(p, "a", "none"));
}

TEST_CASE("All of etcd is down, and after a compaction the proxy has what is new") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{1};
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  REQUIRE(c.put("members/a", member(a)));
  proxy_process const p{no_health + from(c)};
  REQUIRE(serves(p, "a"));
  c.members[0].kill();
  CHECK(is_current(p, false));
  for (int i = 0; i != 20; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));

  // While etcd is out of the proxy's reach, what the proxy has seen is compacted.
  auto const reached = c.clients[0];
  c.clients[0] = demo::free_port();
  c.endpoints[0] = "127.0.0.1:" + std::to_string(c.clients[0]);
  c.start(0);
  REQUIRE(eventually([&] { return c.put("members/b", member(b)); }));
  REQUIRE(c.erase("members/a"));
  auto const head = c.ask("/v3/kv/range", {{"key", equipoise::detail::base64("x")}});
  REQUIRE(head);
  REQUIRE(c.ask("/v3/kv/compaction", {{"revision", (*head)["header"]["revision"]}}));
  CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));
  c.members[0].kill();
  c.clients[0] = reached;
  c.endpoints[0] = "127.0.0.1:" + std::to_string(reached);
  c.start(0);
  CHECK(serves(p, "b"));
  CHECK(is(p, "a", "none"));
  CHECK(is_current(p, true));
  CHECK(stats_of(p)["discovery"]["ranges"] == 2);
}

TEST_CASE("A backend that joins through etcd gets no work before its first good check") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{1};
  std::atomic<bool> well{false};
  scripted_backend a{answers_with("a")};
  scripted_backend b{answers_with("b"), [&](connection& w, std::string const&) {
                       w.send(well ? answer("ok") : "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
                     }};
  REQUIRE(c.put("members/a", member(a)));
  proxy_process const p{"[checks]\ninterval = \"100ms\"\nrise = 1\nfall = 1000\n" + from(c)};
  REQUIRE(serves(p, "a"));
  REQUIRE(c.put("members/b", member(b)));
  REQUIRE(logs(p, "b has joined, but its first check failed: it answered 503"));
  for (int i = 0; i != 10; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));
  CHECK(b.requests() == 0);
  well = true;
  CHECK(serves(p, "b"));
}

TEST_CASE("With backends from etcd, a proxy drains at once") {
  if (etcd().empty()) SKIP("there is no etcd here");
  cluster c{1};
  scripted_backend a{answers_with("a")};
  REQUIRE(c.put("members/a", member(a)));
  proxy_process p{no_health + "[timeouts]\nlinger = \"10ms\"\n" + from(c)};
  REQUIRE(serves(p, "a"));
  p.signal(SIGTERM);
  CHECK(p.wait_for_exit(5s) == 0);
}

}  // namespace discovery_test
