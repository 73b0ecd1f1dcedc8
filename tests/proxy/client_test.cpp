// SPDX-License-Identifier: MIT
// Requests that are unusual, and clients that leave.
#include "catch.hpp"
#include "fixture.hpp"

#include <nlohmann/json.hpp>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr char large_header[] = "[limits]\nheader = 131072\n";

nlohmann::json stats_of(proxy_process const& p) { return nlohmann::json::parse(p.body_of("/-/stats")); }

std::string status_of(proxy_process const& p, std::string const& request) {
  auto w = p.connect();
  w.send(request);
  return w.read_to_end().substr(0, 12);
}

}  // namespace

TEST_CASE("A header field of more than 65 000 bytes is refused, and the proxy goes on") {
  scripted_backend a{[](connection& w, std::string const& request) {
    auto const more = request.starts_with("GET /big ") ? "X-Big: " + std::string(66'000, 'x') + "\r\n" : "";
    w.send(answer("a", more));
  }};
  proxy_process const p{large_header + no_health + a.toml("a")};
  std::string const longest(60'000, 'x'), too_long(66'000, 'x');
  CHECK_THAT(p.get("/", "Cookie: " + longest + "\r\n"), ContainsSubstring("200 OK"));
  CHECK_THAT(p.get("/", "Cookie: " + too_long + "\r\n"), ContainsSubstring("431"));
  CHECK_THAT(p.get("/", too_long + ": 1\r\n"), ContainsSubstring("431"));
  CHECK_THAT(p.get("/big"), ContainsSubstring("502") && ContainsSubstring("a: "));
  CHECK(status_of(p, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + too_long +
                         "\r\n\r\n") == "HTTP/1.1 431");
  CHECK_THAT(p.get("/"), ContainsSubstring("200 OK"));
}

TEST_CASE("A health check refuses the same headers as a request does") {
  auto const length = GENERATE(17'000, 66'000);
  scripted_backend a{answers_with("a"), [=](connection& w, std::string const&) {
                       w.send(answer("ok", "X-Big: " + std::string(static_cast<std::size_t>(length), 'x') + "\r\n"));
                     }};
  proxy_process const p{"[checks]\ninterval = \"20ms\"\nfall = 1\n" + a.toml("a")};
  CHECK(eventually([&] { return stats_of(p)["backends"][0]["state"] == "down"; }));
}

TEST_CASE("Many long lines of X-Forwarded-For are passed on with the client's address") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{large_header + no_health + a.toml("a")};
  std::string lines;
  for (int i = 0; i != 12; ++i) lines += "X-Forwarded-For: " + std::string(6000, '1') + "\r\n";
  CHECK_THAT(p.get("/", lines), ContainsSubstring("200 OK"));
  CHECK_THAT(a.last(), ContainsSubstring("X-Forwarded-For: 127.0.0.1\r\n"));
}

TEST_CASE("An exception within a request is answered, logged and counted") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{large_header + no_health + a.toml("a")};
  // The host of the target becomes a field that is too long.
  CHECK(status_of(p, "GET http://" + std::string(66'000, 'x') + "/ HTTP/1.1\r\nHost: test\r\n\r\n") == "HTTP/1.1 431");
  CHECK(stats_of(p)["errors"] == 1);
  CHECK_THAT(p.log(), ContainsSubstring("request of 127.0.0.1: "));
  CHECK_THAT(p.body_of("/-/metrics"), ContainsSubstring("proxy_errors_total 1\n"));
  CHECK_THAT(p.get("/"), ContainsSubstring("200 OK"));
}

TEST_CASE("Empty lines before a request are skipped") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  w.send("\r\n" + std::string{plain_request});
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  w.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n" + std::string{plain_request});
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  w.send("\r");
  w.send("\n" + std::string{plain_request});
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  CHECK(stats_of(p)["broken"] == 0);
  std::string many;
  for (int i = 0; i != 17; ++i) many += "\r\n";
  CHECK(status_of(p, many + plain_request) == "HTTP/1.1 400");
}

TEST_CASE("Empty lines before the end of a connection are no request") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  w.send(plain_request);
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  w.send("\r\n");
  w.close();
  CHECK(eventually([&] { return stats_of(p)["clients"] == 1; }));
  CHECK(stats_of(p)["broken"] == 0);
}

TEST_CASE("A client that leaves ends its attempt at once, and no other backend is asked") {
  scripted_backend a{[](connection&, std::string const&) {}}, b{answers_with("b")};
  proxy_process const p{"[timeouts]\nresponse = \"1h\"\n" + no_health + a.toml("a") + b.toml("b")};
  bool const resets = GENERATE(false, true);
  std::string const next = GENERATE(as<std::string>{}, "", plain_request);  // a request that waits behind the first one
  auto w = p.connect();
  w.send(plain_request + next);
  REQUIRE(eventually([&] { return a.requests() == 1; }));
  resets ? w.abort() : w.close();
  CHECK(eventually([&] { return stats_of(p)["backends"][0]["in_flight"] == 0; }));
  auto const stats = stats_of(p);
  CHECK(stats["broken"] == 1);
  CHECK(stats["retries"] == 0);
  CHECK(stats["backends"][0]["consecutive_failures"] == 0);
  CHECK(b.requests() == 0);
}

TEST_CASE("A client that leaves a quiet stream ends the request") {
  scripted_backend a{
      [](connection& w, std::string const&) { w.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"); }};
  proxy_process const p{no_health + a.toml("a")};
  auto w = p.connect();
  w.send(plain_request);
  REQUIRE(w.read_more());
  w.close();
  CHECK(eventually([&] { return stats_of(p)["backends"][0]["in_flight"] == 0; }));
  CHECK(stats_of(p)["backends"][0]["consecutive_failures"] == 0);
}
