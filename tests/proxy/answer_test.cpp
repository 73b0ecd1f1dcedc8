// SPDX-License-Identifier: MIT
// Interim answers, trailers and streams of backends, and what they say about health.
#include "catch.hpp"
#include "fixture.hpp"

#include <nlohmann/json.hpp>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

nlohmann::json backend_of(proxy_process const& p) {
  return nlohmann::json::parse(p.body_of("/-/stats"))["backends"][0];
}

}  // namespace

TEST_CASE("Interim answers are passed on to clients of HTTP/1.1, but not 100 Continue") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
    w.send("HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\nConnection: x\r\nX: 1\r\n\r\n" + answer("a"));
  }};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  w.send(plain_request);
  CHECK(w.read_message() == "HTTP/1.1 102 Processing\r\n\r\n");
  CHECK(w.read_message() == "HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n");
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  auto old = p.connect();
  old.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(old.read_to_end().starts_with("HTTP/1.0 200 OK\r\n"));
}

TEST_CASE("A switch of protocols that no client asked for is no answer") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  }};
  proxy_process const p{no_health + a.toml("a")};
  CHECK(p.get("/").starts_with("HTTP/1.1 502"));
}

TEST_CASE("A health check waits for the final answer after interim ones") {
  std::string const final_status = GENERATE(as<std::string>{}, "200 OK", "503 No");
  scripted_backend a{
      answers_with("a"), [=](connection& w, std::string const&) {
        w.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 " + final_status + "\r\nContent-Length: 0\r\n\r\n");
      }};
  std::string const before = final_status == "200 OK" ? "down" : "up", after = before == "up" ? "down" : "up";
  std::string const spare = dead_backend("b");
  proxy_process p{"[checks]\ninterval = \"20ms\"\nrise = 1\nfall = 2\n" + spare};
  p.configure(a.toml("a") + spare);  // a is down until its first check
  CHECK(eventually([&] { return p.log().find(after == "up" ? "a is up" : "it answered 503") != std::string::npos; }));
  CHECK(backend_of(p)["state"] == after);
}

TEST_CASE("Trailers of an answer are dropped, also after an empty body") {
  std::string const body = GENERATE(as<std::string>{}, "", "2\r\nhi\r\n");
  scripted_backend a{[=](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + body +
           "0\r\nX-Sum: 1\r\nSet-Cookie: s=1\r\n\r\n");
  }};
  proxy_process const p{no_health + a.toml("a")};
  auto const got = p.get("/");
  CHECK(got.ends_with("\r\n\r\n" + body + "0\r\n\r\n"));
  CHECK_THAT(got, !ContainsSubstring("X-Sum") && !ContainsSubstring("Set-Cookie"));
}

TEST_CASE("The header of an event stream is passed on before its first event") {
  std::atomic<bool> header_seen{false};
  scripted_backend a{[&](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n");
    if (eventually([&] { return header_seen.load(); })) w.send("data: 1\n\n");
    w.close();
  }};
  proxy_process const p{"[retry]\nhold = \"1h\"\n" + no_health + a.toml("a")};
  auto w = p.connect();
  w.send(plain_request);
  CHECK_THAT(w.read_message(true), ContainsSubstring("Content-Type: Text/Event-Stream"));
  header_seen = true;
  CHECK(w.read_more());
  CHECK_THAT(w.received, ContainsSubstring("data: 1"));
}

TEST_CASE("The header of any answer is held back for no longer than configured") {
  std::atomic<bool> header_seen{false};
  std::string const framing = GENERATE(as<std::string>{}, "Content-Length: 4\r\n", "Content-Length: 100000\r\n",
                                       "Transfer-Encoding: chunked\r\n", "");
  scripted_backend a{[&](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\n" + framing + "\r\n");
    if (eventually([&] { return header_seen.load(); })) w.send("1\r\n2\r\n");
    w.close();
  }};
  proxy_process const p{"[retry]\nhold = \"1ms\"\n" + no_health + a.toml("a")};
  auto w = p.connect();
  w.send(plain_request);
  CHECK(w.read_message(true).starts_with("HTTP/1.1 200 OK\r\n"));
  header_seen = true;
  CHECK(w.read_more());
}

TEST_CASE("A quiet stream goes on, and says nothing against its backend") {
  std::atomic<bool> go_on{false};
  scripted_backend a{[&](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    if (eventually([&] { return go_on.load(); })) w.send("3\r\nend\r\n0\r\n\r\n");
  }};
  std::string const passive = "[checks]\nenabled = false\n[passive]\nfailures = 1\n";
  SECTION("for longer than the time for an answer") {
    proxy_process const p{"[timeouts]\nresponse = \"20ms\"\n" + passive + a.toml("a")};
    auto w = p.connect();
    w.send(plain_request);
    CHECK(w.read_message(true).starts_with("HTTP/1.1 200 OK\r\n"));
    while (w.read_more(200ms)) {
    }
    CHECK_FALSE(w.ended);
    go_on = true;
    while (!w.received.ends_with("0\r\n\r\n") && w.read_more()) {
    }
    CHECK(w.received.ends_with("end\r\n0\r\n\r\n"));
  }
  SECTION("until its own time is over") {
    proxy_process const p{"[timeouts]\nstream = \"20ms\"\n" + passive + a.toml("a")};
    CHECK_THAT(p.get("/"), ContainsSubstring("hi") && !ContainsSubstring("end"));
    CHECK(backend_of(p)["consecutive_failures"] == 0);
    CHECK(backend_of(p)["in_flight"] == 0);
    go_on = true;
  }
}

TEST_CASE("Only attempts without an answer count as failures in a row") {
  scripted_backend a{[](connection& w, std::string const& request) {
    auto const status = request.substr(5, 3);
    status == "bad" ? w.close() : void(w.send("HTTP/1.1 " + status + " R\r\nContent-Length: 0\r\n\r\n"));
  }};
  scripted_backend spare{answers_with("s")};
  auto const [requests, state] =
      GENERATE(table<std::vector<std::string>, std::string>({{{"bad", "bad", "bad"}, "ejected"},
                                                             {{"bad", "200", "bad", "bad"}, "up"},
                                                             {{"bad", "bad", "404", "bad"}, "up"},
                                                             {{"bad", "bad", "503", "bad"}, "up"},
                                                             {{"500", "504", "502", "503", "bad", "bad"}, "up"}}));
  proxy_process const p{
      "[checks]\nenabled = false\n[retry]\nattempts = 1\n" + a.toml("a") + spare.toml("s") + "priority = 1\n",
      "workers = 1\npolicy = \"failover{round_robin}\"\n"};
  for (auto const& r : requests) p.get('/' + r);
  CHECK(backend_of(p)["state"] == state);
}
