// SPDX-License-Identifier: MIT
// A real etcd of the test's own, with one member or three, on high ports of the loopback interface.
#include <equipoise/with/etcd_client.hpp>

#include "examples/proxy/demo/process.hpp"
#include "support.hpp"

#include <equipoise/discovery/pool_feed.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <csignal>
#include <filesystem>
#include <thread>

namespace etcd_client_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {
time_point now() { return std::chrono::steady_clock::now(); }

std::string etcd() {
  for (char const* path : {"/usr/bin/etcd", "/usr/local/bin/etcd", "/opt/homebrew/bin/etcd"})
    if (std::filesystem::exists(path)) return path;
  return {};
}

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

struct cluster {
  demo::work_folder folder;
  std::vector<unsigned short> clients, peers;
  std::vector<demo::process> members;
  std::vector<std::string> endpoints;

  explicit cluster(std::size_t size) : members(size) {
    for (std::size_t i = 0; i != size; ++i) {
      clients.push_back(demo::free_port());
      peers.push_back(demo::free_port());
      endpoints.push_back("127.0.0.1:" + std::to_string(clients.back()));
    }
    for (std::size_t i = 0; i != size; ++i) start(i);
    for (int i = 0; i != 300 && !put("x/ready", "1"); ++i) std::this_thread::sleep_for(100ms);
  }
  void start(std::size_t i) {
    auto const url = [](unsigned short port) { return "http://127.0.0.1:" + std::to_string(port); };
    std::string all;
    for (std::size_t k = 0; k != peers.size(); ++k)
      all += (k == 0 ? "m" : ",m") + std::to_string(k) + "=" + url(peers[k]);
    auto const name = "m" + std::to_string(i);
    members[i] = demo::process{
        {etcd(), "--name", name, "--data-dir", folder.path(name), "--listen-client-urls", url(clients[i]),
         "--advertise-client-urls", url(clients[i]), "--listen-peer-urls", url(peers[i]),
         "--initial-advertise-peer-urls", url(peers[i]), "--initial-cluster", all, "--log-level", "error"},
        folder.path("log")};
  }
  // A request of its own to the first member that answers. Nothing if none does.
  std::optional<json> ask(std::string const& target, json const& body) {
    for (auto const& endpoint : endpoints) {
      boost::asio::io_context io;
      std::optional<json> answer;
      // GCC 12 destroys a temporary twice that is made by braces in a co_await.
      etcd_task const task{etcd_task::kind::range, endpoint, target, body.dump()};
      auto work = [&]() -> boost::asio::awaitable<void> {
        auto const [status, text] = co_await detail::ask_etcd(task);
        if (status == 200) answer = json::parse(text);
      };
      boost::asio::co_spawn(io, work, [](std::exception_ptr) {});
      io.run();
      if (answer) return answer;
    }
    return {};
  }
  bool put(std::string const& key, std::string const& value) {
    return ask("/v3/kv/put", {{"key", detail::base64("/equipoise/" + key)}, {"value", detail::base64(value)}})
        .has_value();
  }
  bool erase(std::string const& key) {
    return ask("/v3/kv/deleterange", {{"key", detail::base64("/equipoise/" + key)}}).has_value();
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
