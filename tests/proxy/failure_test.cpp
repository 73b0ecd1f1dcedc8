// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "fixture.hpp"

#include <nlohmann/json.hpp>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

// Reads a request and closes the connection.
void closes_connection(connection& w, std::string const&) { w.close(); }

std::string state_of(proxy_process const& p, std::string const& name) {
  auto const stats = nlohmann::json::parse(p.body_of("/-/stats"), nullptr, false);
  if (stats.is_object())
    for (auto const& b : stats["backends"])
      if (b["name"] == name) return b["state"];
  return "no answer";
}

// Answers once on each connection and closes it on the second request. The proxy cannot foresee that by looking.
void answers_once(connection& w, std::string const&) {
  static thread_local int requests = 0;
  if (++requests == 1)
    w.send(answer("a"));
  else
    w.close();
}

}  // namespace

TEST_CASE("A client does not notice that a backend closed its idle connection") {
  scripted_backend a{answers_once};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  for (int i = 0; i != 10; ++i) {
    w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    REQUIRE(w.read_message().ends_with("\r\n\r\na"));
  }
  auto const stats = nlohmann::json::parse(p.body_of("/-/stats"));
  CHECK(stats["retries"] == 0);  // a new connection to the same backend is no failure of that backend
}

TEST_CASE("A request that must not be repeated never uses a connection that may be stale") {
  scripted_backend a{answers_once};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  for (int i = 0; i != 5; ++i) {
    w.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi");
    REQUIRE(w.read_message().ends_with("\r\n\r\na"));
  }
  CHECK(a.requests() == 5);
}

TEST_CASE("A request that may be repeated is answered by another backend") {
  scripted_backend b{answers_with("b")};
  SECTION("when the first one does not listen") {
    proxy_process const p{no_health + dead_backend("a") + b.toml("b")};
    for (int i = 0; i != 4; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
  }
  SECTION("when the first one closes the connection") {
    scripted_backend a{closes_connection};
    proxy_process const p{no_health + a.toml("a") + b.toml("b")};
    for (int i = 0; i != 4; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
    CHECK(a.requests() == 2);  // a is first in every second turn, because a second attempt takes no turn
  }
  SECTION("when the first one closes in the middle of its answer") {
    scripted_backend a{[](connection& w, std::string const&) {
      w.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      w.close();
    }};
    proxy_process const p{"[retry]\nhold = \"10s\"\n" + no_health + a.toml("a") + b.toml("b")};
    for (int i = 0; i != 4; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
  }
  SECTION("when the first one does not answer in time") {
    scripted_backend a{[](connection&, std::string const&) {}};
    proxy_process const p{no_health + "[timeouts]\nresponse = \"100ms\"\n" + a.toml("a") + b.toml("b")};
    for (int i = 0; i != 4; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
  }
}

TEST_CASE("A request that must not be repeated is sent at most once") {
  constexpr char post[] = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
  auto const send = [&](proxy_process const& p) {
    auto w = p.connect();
    w.send(post);
    return w.read_to_end().substr(0, 12);
  };
  scripted_backend b{answers_with("b")};
  SECTION("not again when the backend closed the connection, since it may have processed it") {
    scripted_backend a{closes_connection};
    proxy_process const p{no_health + a.toml("a") + b.toml("b")};
    CHECK(send(p) == "HTTP/1.1 502");
    CHECK(a.requests() == 1);
    CHECK(b.requests() == 0);
  }
  SECTION("not again when the backend did not answer in time") {
    scripted_backend a{[](connection&, std::string const&) {}};
    proxy_process const p{no_health + "[timeouts]\nresponse = \"100ms\"\n" + a.toml("a") + b.toml("b")};
    CHECK(send(p) == "HTTP/1.1 504");
    CHECK(b.requests() == 0);
  }
  SECTION("but to another backend when nothing was sent") {
    proxy_process const p{no_health + dead_backend("a") + b.toml("b")};
    CHECK(send(p) == "HTTP/1.1 200");
    CHECK(b.requests() == 1);
  }
}

// The proxy has passed on the beginning, so it cannot ask another backend.
TEST_CASE("An answer that breaks off in the middle breaks off for the client too") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    std::this_thread::sleep_for(50ms);
    w.close();
  }};
  proxy_process const p{no_health + a.toml("a")};
  auto const got = p.get("/");
  CHECK_THAT(got, ContainsSubstring("abc"));
  CHECK(got.find("0\r\n\r\n") == got.npos);
}

TEST_CASE("A client that leaves during its answer is no failure of the backend") {
  scripted_backend a{
      [large = answer(std::string(20'000'000, 'x'))](connection& w, std::string const&) { w.send(large); }};
  proxy_process const p{no_health + a.toml("a")};
  {
    auto w = p.connect();
    w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    REQUIRE(w.read_more());
  }
  auto const stats = [&] { return nlohmann::json::parse(p.body_of("/-/stats")); };
  REQUIRE(eventually([&] { return stats()["broken"] == 1; }));
  CHECK(stats()["backends"][0]["in_flight"] == 0);
  CHECK(stats()["backends"][0]["failed"] == 0);
}

TEST_CASE("A backend that breaks off in the middle of its answers is ejected too") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(100'000, 'x'));
    w.close();
  }};
  scripted_backend b{answers_with("b")};
  proxy_process const p{"[checks]\nenabled = false\n[passive]\nfailures = 3\n" + a.toml("a") + b.toml("b")};
  for (int i = 0; i != 10; ++i) p.get("/");
  CHECK(a.requests() == 3);
  CHECK(state_of(p, "a") == "ejected");
}

TEST_CASE("A retry is an attempt after another one") {
  auto const retries = [](std::string const& toml) {
    proxy_process const p{no_health + toml};
    CHECK_THAT(p.get("/"), ContainsSubstring("502"));
    return nlohmann::json::parse(p.body_of("/-/stats"))["retries"].get<int>();
  };
  CHECK(retries("[retry]\nattempts = 1\n" + dead_backend("a") + dead_backend("b")) == 0);
  CHECK(retries("[retry]\nattempts = 3\n" + dead_backend("a") + dead_backend("b")) == 2);
}

TEST_CASE("No backend is status 503, no answer is 502, and the body says why") {
  proxy_process const empty{""};
  CHECK_THAT(empty.get("/"), ContainsSubstring("503") && ContainsSubstring("no backend: empty"));
  proxy_process const dead{no_health + dead_backend("a")};
  CHECK_THAT(dead.get("/"), ContainsSubstring("502") && ContainsSubstring("a: no connection"));
}

TEST_CASE("Failures in a row eject a backend for a while, but at most half of all backends") {
  std::atomic<bool> healthy{false};
  scripted_backend a{
      [&](connection& w, std::string const& request) { healthy ? answers_with("a")(w, request) : w.close(); }};
  scripted_backend b{answers_with("b")};
  proxy_process const p{"[checks]\nenabled = false\n[passive]\nfailures = 3\neject = \"300ms\"\n" + a.toml("a") +
                        b.toml("b")};
  for (int i = 0; i != 20; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
  CHECK(a.requests() == 3);
  CHECK(state_of(p, "a") == "ejected");
  healthy = true;
  CHECK(eventually([&] { return state_of(p, "a") == "up"; }));
  CHECK(eventually([&] { return p.get("/").find("X-Backend: a") != std::string::npos; }));

  proxy_process const alone{"[checks]\nenabled = false\n[passive]\nfailures = 1\n" + dead_backend("c")};
  alone.get("/");
  CHECK(state_of(alone, "c") == "up");
}

TEST_CASE("Checks take a backend out and bring it back") {
  std::string const name = "a";
  auto const port = demo::free_port();
  auto const toml =
      "[checks]\ninterval = \"20ms\"\nrise = 2\nfall = 2\n[[backend]]\nname = \"a\"\naddress = \"127.0.0.1:" +
      std::to_string(port) + "\"\n";
  proxy_process const p{toml};
  CHECK(eventually([&] { return state_of(p, "a") == "down"; }));
  CHECK_THAT(p.get("/"), ContainsSubstring("no backend: all_down"));
  demo::work_folder folder;
  demo::process const a{{BACKEND_PROGRAM, "--name", "a", "--listen", "127.0.0.1:" + std::to_string(port)},
                        folder.path("log")};
  CHECK(eventually([&] { return state_of(p, "a") == "up"; }));
  CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));
}

TEST_CASE("A backend that closes before the first chunk of its answer is replaced") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    w.close();
  }};
  scripted_backend b{answers_with("b")};
  proxy_process const p{"[retry]\nhold = \"10s\"\n" + no_health + a.toml("a") + b.toml("b")};
  for (int i = 0; i != 4; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
}

TEST_CASE("An answer with an unknown coding or status is not passed on") {
  std::string const head = GENERATE(as<std::string>{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n", "HTTP/1.1 099 Odd\r\n");
  scripted_backend a{[=](connection& w, std::string const&) { w.send(head + "\r\n2\r\nhi\r\n0\r\n\r\n"), w.close(); }};
  proxy_process const p{no_health + a.toml("a")};
  CHECK(p.get("/").starts_with("HTTP/1.1 502"));
}

TEST_CASE("An answer without a length that breaks off does not look complete") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    std::this_thread::sleep_for(50ms);
    w.close();
  }};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  w.send("GET / HTTP/1.0\r\n\r\n");
  while (w.read_more()) {
  }
  CHECK(w.reset);
}

TEST_CASE("With passive.errors, answers with an error status eject a backend too") {
  auto const fails = [](std::string const& status) {
    return [status](connection& w, std::string const&) {
      w.send("HTTP/1.1 " + status + " Oh\r\nX-Backend: a\r\nContent-Length: 0\r\n\r\n");
    };
  };
  for (auto const& [setting, status, state] :
       std::vector<std::tuple<std::string, std::string, std::string>>{{"errors = true", "500", "ejected"},
                                                                      {"errors = true", "502", "ejected"},
                                                                      {"errors = true", "503", "up"},
                                                                      {"errors = true", "404", "up"},
                                                                      {"errors = false", "500", "up"}}) {
    CAPTURE(setting, status);
    scripted_backend a{fails(status)}, b{answers_with("b")};
    proxy_process const p{"[checks]\nenabled = false\n[passive]\nfailures = 3\n" + setting + "\n" + a.toml("a") +
                          b.toml("b")};
    for (int i = 0; i != 10; ++i) p.get("/");
    CHECK(state_of(p, "a") == state);
  }
}

TEST_CASE("The last backend that is up is not ejected") {
  scripted_backend b{closes_connection};
  proxy_process const p{"[checks]\ninterval = \"20ms\"\nrise = 1\nfall = 2\n[passive]\nfailures = 2\n" +
                        dead_backend("a") + b.toml("b")};
  REQUIRE(eventually([&] { return state_of(p, "a") == "down"; }));
  for (int i = 0; i != 4; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("502"));
  CHECK(state_of(p, "b") == "up");
}

TEST_CASE("Good checks bring an ejected backend back earlier") {
  scripted_backend a{closes_connection}, b{answers_with("b")};
  proxy_process const p{"[checks]\ninterval = \"20ms\"\nrise = 3\n[passive]\nfailures = 1\neject = \"1h\"\n" +
                        a.toml("a") + b.toml("b")};
  for (int i = 0; i != 2; ++i) p.get("/");
  CHECK_THAT(p.log(), ContainsSubstring("ejected for"));
  CHECK(eventually([&] { return p.log().find("a is up again") != std::string::npos; }));
  CHECK(state_of(p, "a") == "up");
}

TEST_CASE("Checks without an answer say why the backend is down") {
  scripted_backend silent{answers_with("s"), [](connection&, std::string const&) {}};
  scripted_backend sick{answers_with("t"), [](connection& w, std::string const&) {
                          w.send("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
                        }};
  proxy_process const p{"[checks]\ninterval = \"20ms\"\ntimeout = \"50ms\"\nfall = 2\n" + silent.toml("silent") +
                        sick.toml("sick") + dead_backend("dead")};
  for (auto const* text : {"silent is down: no answer within 50ms", "sick is down: it answered 500",
                           "dead is down: no connection: Connection refused"}) {
    CAPTURE(text);
    CHECK(eventually([&] { return p.log().find(text) != std::string::npos; }));
  }
}
