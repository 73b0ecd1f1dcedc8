// SPDX-License-Identifier: MIT
// Backends that join and leave a running proxy, and requests that are spread over them.
#include "catch.hpp"
#include "fixture.hpp"

#include <nlohmann/json.hpp>

#include <set>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {
bool logs(proxy_process const& p, std::string const& text) { return p.log().find(text) != std::string::npos; }
}  // namespace

TEST_CASE("A backend that joins gets no work before its first good check") {
  std::atomic<bool> well{false};
  scripted_backend a{answers_with("a")};
  scripted_backend b{answers_with("b"), [&](connection& w, std::string const&) {
                       w.send(well ? answer("ok") : "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
                     }};
  std::string const checks = "[checks]\ninterval = \"100ms\"\nrise = 1\nfall = 1000\n";
  proxy_process p{checks + a.toml("a")};
  p.configure(checks + a.toml("a") + b.toml("b"));
  REQUIRE(eventually([&] { return logs(p, "b has joined, but its first check failed: it answered 503"); }));
  for (int i = 0; i != 10; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));
  CHECK(b.requests() == 0);
  well = true;
  CHECK(eventually([&] { return p.get("/").find("X-Backend: b") != std::string::npos; }));
}

TEST_CASE("The first check of a backend that joins does not wait for the interval") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  std::string const checks = "[checks]\ninterval = \"1h\"\nrise = 3\n";
  proxy_process p{checks + a.toml("a")};
  p.configure(checks + a.toml("a") + b.toml("b"));
  CHECK(eventually([&] { return p.get("/").find("X-Backend: b") != std::string::npos; }));
}

TEST_CASE("With await_first off, a backend gets work as soon as it joins") {
  scripted_backend a{answers_with("a")};
  scripted_backend b{answers_with("b"), [](connection& w, std::string const&) { w.close(); }};
  std::string const checks = "[checks]\ninterval = \"1h\"\nawait_first = false\n";
  proxy_process p{checks + a.toml("a")};
  p.configure(checks + a.toml("a") + b.toml("b"));
  CHECK(eventually([&] { return p.get("/").find("X-Backend: b") != std::string::npos; }));
}

TEST_CASE("If all backends are replaced, the new ones get work before their first check") {
  scripted_backend a{answers_with("a")};
  scripted_backend b{answers_with("b"), [](connection&, std::string const&) {}};  // the check gets no answer
  std::string const checks = "[checks]\ninterval = \"1h\"\ntimeout = \"1h\"\n";
  proxy_process p{checks + a.toml("a")};
  p.configure(checks + b.toml("b"));
  CHECK(eventually([&] { return p.get("/").find("X-Backend: b") != std::string::npos; }));
}

TEST_CASE("Idle connections to a backend that was removed are closed at once") {
  std::atomic<bool> ended{false}, answering{false}, removed{false};
  scripted_backend a{[&](connection& w, std::string const& request) {
    answering = true;
    if (request.starts_with("GET /late ")) eventually([&] { return removed.load(); });
    w.send(answer("a"));
    w.read_more();
    ended = w.ended && w.received.empty();
  }};
  scripted_backend b{answers_with("b")};
  proxy_process p{no_health + a.toml("a")};
  SECTION("if they were idle before") {
    CHECK_THAT(p.get("/"), ContainsSubstring("200 OK"));
    p.configure(no_health + b.toml("b"));
    CHECK(eventually([&] { return ended.load(); }));
  }
  SECTION("if their last request ended later") {
    auto w = p.connect();
    w.send("GET /late HTTP/1.1\r\nHost: test\r\n\r\n");
    REQUIRE(eventually([&] { return answering.load(); }));
    p.configure(no_health + b.toml("b"));
    REQUIRE(eventually([&] { return p.get("/").find("X-Backend: b") != std::string::npos; }));
    removed = true;
    CHECK(w.read_message().ends_with("\r\n\r\na"));
    CHECK(eventually([&] { return ended.load(); }));
  }
}

TEST_CASE("A dead backend does not get the first attempt of every request") {
  scripted_backend dead{[](connection& w, std::string const&) { w.close(); }}, b{answers_with("b")};
  proxy_process const p{no_health + dead.toml("dead") + b.toml("b")};
  for (int i = 0; i != 20; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
  CHECK(dead.requests() == 10);
}

TEST_CASE("Requests without the header that is the key are spread over the backends") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")}, c{answers_with("c")};
  auto const policy = GENERATE(as<std::string>{}, "maglev", "ring_hash", "hash_modulo", "bounded_load{maglev}");
  auto const field = GENERATE(as<std::string>{}, "", "X-User:\r\n");
  proxy_process const p{no_health + a.toml("a") + b.toml("b") + c.toml("c"),
                        "workers = 1\npolicy = \"" + policy + "\"\nkey = \"header X-User\"\n"};
  for (int i = 0; i != 60; ++i) p.get("/", field);
  for (auto* one : {&a, &b, &c}) CHECK(one->requests() > 0);
  auto w = p.connect();  // one connection keeps its backend
  std::set<std::string> answers;
  for (int i = 0; i != 10; ++i) {
    w.send("GET / HTTP/1.1\r\nHost: test\r\n" + field + "\r\n");
    answers.insert(w.read_message());
  }
  CHECK(answers.size() == 1);
}
