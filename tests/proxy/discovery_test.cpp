// SPDX-License-Identifier: MIT
// A proxy whose backends come from an etcd that the test plays, with any answer. discovery_etcd_test.cpp has a real
// one.
#include "catch.hpp"
#include "config.hpp"
#include "discovery_support.hpp"

#include <csignal>

namespace discovery_test {
using Catch::Matchers::ContainsSubstring;
using namespace fixture;

namespace {

// Answers a range with a text, and says nothing to a watch.
scripted_backend::script plays(std::string const& to_range) {
  return [to_range](connection& w, std::string const& request) {
    if (request.starts_with("POST /v3/kv/range ")) w.send(to_range);
  };
}
std::string from(scripted_backend const& played) {
  return discovery_section("\"127.0.0.1:" + std::to_string(played.port()) + '"');
}

std::string refusal_of(std::string const& text) {
  try {
    proxy::parse_config(text, "p.toml");
  } catch (proxy::config_error const& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("The backends of the file serve until etcd has answered once") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  std::atomic<bool> is_ready{false};
  scripted_backend played{[&](connection& w, std::string const& request) {
    if (!is_ready)
      w.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), w.close();
    else if (request.starts_with("POST /v3/kv/range "))
      w.send(range_answer({{"members/b", member(b)}}));
  }};
  proxy_process const p{no_health + from(played) + a.toml("a")};
  CHECK(logs(p, "etcd answered 503; the last good list stays, with 1 backends"));
  CHECK(serves(p, "a"));
  is_ready = true;
  CHECK(serves(p, "b"));
  CHECK(logs(p, "etcd: the list is good again"));
  CHECK(is(p, "a", "none"));
}

TEST_CASE("A bad value in etcd is named in the log, and the other backends serve") {
  auto const [key, value, logged] = GENERATE(table<std::string, std::string, std::string>({
      {"members/x", "garbled", "/equipoise/members/x is not JSON: \"garbled\""},
      {"members/x", std::string(100'000, '['), "/equipoise/members/x is nested more than 100 levels deep"},
      {"members/x", R"({"address": "localhost:80"})", "members/x.address \"localhost:80\" is not numeric"},
      {"members/x", R"({"address": "10.0.0.1"})", "members/x.address \"10.0.0.1\" is not host:port"},
      {"members/x", R"({"address": "10.0.0.1:80", "weight": -1})", "members/x.weight -1 is outside"},
      {"members/x\ny", R"({"address": "10.0.0.1:80"})", "the name \"x\\ny\" has a control character"},
      {"members/x\ny", "garbled", "/equipoise/members/x?y is not JSON"},
      {"operators/a", R"({"drian": true})", "/equipoise/operators/a.drian true is no known field"},
      {"operators/a", "drain", "/equipoise/operators/a is not JSON: \"drain\""},
  }));
  scripted_backend a{answers_with("a")};
  scripted_backend played{plays(range_answer({{"members/a", member(a)}, {key, value}}))};
  proxy_process const p{no_health + from(played)};
  CAPTURE(key, value.substr(0, 80), p.log());
  CHECK(serves(p, "a"));
  CHECK(logs(p, logged));
  CHECK(logs(p, "; the last good value counts"));
}

TEST_CASE("An answer of etcd that is empty or broken keeps the last good list") {
  auto const [sent, logged] = GENERATE(table<std::string, std::string>({
      {range_answer({}), "the list is empty"},
      {range_answer({{"members/b", "garbled"}}), "the list is empty"},
      {range_answer({{"members/b", R"({"address": "10.0.0.1:80", "priority": 9})"}}), "the pool refused the list"},
      {answer("<html>"), "the answer to a range is not JSON"},
      {answer("{}"), "range.header is missing"},
      {answer(R"({"header": {"revision": "x"}})"), "range.header.revision \"x\" is no whole number"},
      {answer(R"({"header": {}, "kvs": [{"key": "%"}]})"), "range.kvs[0].key \"%\" is no base64"},
      {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "etcd answered 404"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "bad version"},
      {"", "; the last good list stays"},  // the connection is closed
  }));
  scripted_backend a{answers_with("a")};
  scripted_backend played{[&sent = sent](connection& w, std::string const& request) {
    if (request.starts_with("POST /v3/kv/range ")) w.send(sent), w.close();
  }};
  proxy_process const p{no_health + from(played) + a.toml("a"), "workers = 1\npolicy = \"failover{round_robin}\"\n"};
  CAPTURE(sent, p.log());
  CHECK(logs(p, logged));
  CHECK(logs(p, "; the last good list stays, with 1 backends"));
  CHECK(serves(p, "a"));
  CHECK(backend_of(p, "a")["state"] == "up");
}

TEST_CASE("An etcd that accepts connections and never answers holds nothing up") {
  scripted_backend a{answers_with("a")};
  scripted_backend played{[](connection&, std::string const&) {}};
  proxy_process p{no_health + from(played) + a.toml("a")};
  CHECK(serves(p, "a"));
  REQUIRE(eventually([&] { return played.requests() > 0; }));
  CHECK(serves(p, "a"));
  CHECK(logs(p, "; the last good list stays, with 1 backends"));  // after five seconds
  p.signal(SIGTERM);
  CHECK(p.wait_for_exit() == 0);
}

TEST_CASE("Of two values with one key the later counts, and two names share an address") {
  scripted_backend a{answers_with("a")};
  scripted_backend played{plays(range_answer(
      {{"members/a", R"({"address": "127.0.0.1:1"})"}, {"members/a", member(a)}, {"members/b", member(a)}}))};
  proxy_process const p{no_health + from(played)};
  CHECK(is(p, "b", "up"));
  CHECK(backend_of(p, "a")["address"] == backend_of(p, "b")["address"]);
  CHECK(json::parse(p.body_of("/-/stats"))["backends"].size() == 2);
}

TEST_CASE("A weight in etcd that the policy does not read causes a warning") {
  scripted_backend a{answers_with("a")};
  scripted_backend played{plays(range_answer({{"members/a", member(a, R"(, "weight": 7)")}}))};
  proxy_process const p{no_health + from(played)};
  CHECK(logs(p, "etcd: weight 7 of backend a has no effect on policy round_robin"));
  CHECK(serves(p, "a"));
}

TEST_CASE("With backends from etcd, SIGHUP changes nothing and says so") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  scripted_backend played{plays(range_answer({{"members/a", member(a)}}))};
  proxy_process p{no_health + from(played)};
  CHECK(serves(p, "a"));
  p.configure(no_health + from(played) + b.toml("b"));
  CHECK(logs(p, "the backends come from etcd, as [discovery] says, and SIGHUP reads none; nothing was changed"));
  CHECK(is(p, "b", "none"));
}

TEST_CASE("A mistake in [discovery] is refused with its line, its name and its value") {
  auto const one = [](std::string const& endpoint) { return "[discovery]\netcd = [\"" + endpoint + "\"]\n"; };
  CHECK(refusal_of(one("127.0.0.1:2379")) == "none");
  CHECK(refusal_of(one("etcd.example.com:2379")) == "none");
  CHECK(refusal_of(one("[::1]:2379")) == "none");
  for (std::string bad : {"localhost", "http://10.0.0.1:2379", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", ":2379", "",
                          "::1:2379", "10.0.0.1:2379/v3", "a b:1"}) {
    CAPTURE(bad);
    CHECK(refusal_of(one(bad)) == "p.toml:2: discovery.etcd[0] = \"" + bad +
                                      "\" is not host:port with a port of 1 … 65535; it has no http:// and no path");
  }
  CHECK(refusal_of("[discovery]\netcd = [\n\"a:1\",\n\"a:1\"]\n") ==
        "p.toml:4: discovery.etcd[1] = \"a:1\" is listed twice");
  CHECK(refusal_of("[discovery]\nprefix = \"/x/\"\n") == "p.toml:1: [discovery] needs etcd = [\"host:port\", …]");
  for (std::string bad : {"[]", "{}"})
    CHECK_THAT(refusal_of("[discovery]\netcd = " + bad + "\n"), ContainsSubstring("etcd must be a list of texts"));
  CHECK(refusal_of("[discovery]\netcd = \"a:1\"\n") ==
        "p.toml:2: discovery.etcd = \"a:1\" must be a list of texts, such as [\"one\", \"two\"]");
  CHECK(refusal_of("[discovery]\netcd = [\"a:1\", 5]\n") == "p.toml:2: discovery.etcd[1] must be text in quotes");
  for (std::string bad : {"", "equipoise", "/equipoise"})
    CHECK(refusal_of(one("a:1") + "prefix = \"" + bad + "\"\n") ==
          "p.toml:3: discovery.prefix = \"" + bad + "\" must end with /");
  CHECK(refusal_of(one("a:1") + "hold = \"0s\"\n") == "p.toml:3: discovery.hold = \"0s\" must be more than zero");
  CHECK_THAT(refusal_of(one("a:1") + "etdc = 1\n"),
             ContainsSubstring("p.toml:3: unknown field \"etdc\" in [discovery]; known: etcd, prefix, hold"));
  CHECK_THAT(refusal_of("discovery = 1\n"), ContainsSubstring("discovery must be a section, written as [discovery]"));
}

}  // namespace discovery_test
