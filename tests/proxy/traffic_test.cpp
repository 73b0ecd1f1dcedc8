// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "fixture.hpp"

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {
bool has(std::string const& text, std::string const& part) { return text.find(part) != text.npos; }
}  // namespace

// Fields such as TE and Connection are meant for one connection only.
TEST_CASE("A request is forwarded with the client's address and without hop-by-hop fields") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a")};
  auto const got =
      p.get("/hello?x=1",
            "X-Forwarded-For: 192.0.2.7\r\nConnection: x-private\r\nX-Private: 1\r\nTE: trailers\r\nX-Kept: yes\r\n");
  CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK_THAT(got, ContainsSubstring("X-Backend: a"));
  auto const sent = a.last();
  CHECK(sent.starts_with("GET /hello?x=1 HTTP/1.1\r\n"));
  CHECK_THAT(sent, ContainsSubstring("X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n"));
  CHECK_THAT(sent, ContainsSubstring("Host: test\r\n"));
  CHECK_THAT(sent, ContainsSubstring("X-Kept: yes\r\n"));
  for (std::string gone : {"X-Private", "TE:", "Connection:"}) CHECK_FALSE(has(sent, gone));
}

TEST_CASE("Connections are kept alive on both sides") {
  std::atomic<int> connections{0};
  scripted_backend a{[&](connection& w, std::string const&) {
    static thread_local bool const is_new = (++connections, true);
    (void)is_new;
    w.send(answer("a"));
  }};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  for (int i = 0; i != 5; ++i) {
    w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    CHECK(w.read_message().ends_with("\r\n\r\na"));
  }
  CHECK(a.requests() == 5);
  CHECK(connections == 1);
}

TEST_CASE("Pipelined requests are answered in their order") {
  scripted_backend a{[](connection& w, std::string const& request) { w.send(answer(request.substr(4, 2))); }};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  w.send(
      "GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
      "test\r\n\r\n");
  CHECK(w.read_message().ends_with("/1"));
  CHECK(w.read_message().ends_with("/2"));
  CHECK(w.read_message().ends_with("/3"));
}

TEST_CASE("A body is forwarded complete, and a chunked one gets a length") {
  scripted_backend a{
      [](connection& w, std::string const& request) { w.send(answer(request.substr(request.find("\r\n\r\n") + 4))); }};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  w.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(w.read_message().ends_with("\r\n\r\nhello"));
  w.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  CHECK(w.read_message().ends_with("\r\n\r\nabcdefg"));
  CHECK_THAT(a.last(), ContainsSubstring("Content-Length: 7\r\n"));
  CHECK_FALSE(has(a.last(), "Transfer-Encoding"));
  w.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(w.read_message() == "HTTP/1.1 100 Continue\r\n\r\n");
  w.send("ok");
  CHECK(w.read_message().ends_with("\r\n\r\nok"));
}

TEST_CASE("An answer to HEAD has a length and no body, and the connection stays open") {
  scripted_backend a{[](connection& w, std::string const& request) {
    w.send(request.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" : answer("body"));
  }};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  w.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK_THAT(w.read_message(true), ContainsSubstring("Content-Length: 1000\r\n"));
  w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(w.read_message().ends_with("\r\n\r\nbody"));
}

TEST_CASE("A chunked answer stays chunked for HTTP/1.1, and ends by closing for HTTP/1.0") {
  scripted_backend a{[](connection& w, std::string const&) {
    w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    std::this_thread::sleep_for(20ms);
    w.send("3\r\ndef\r\n0\r\n\r\n");
  }};
  proxy_process const p{a.toml("a")};
  auto const modern = p.get("/");
  CHECK_THAT(modern, ContainsSubstring("Transfer-Encoding: chunked\r\n"));
  CHECK_THAT(modern, ContainsSubstring("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"));
  auto w = p.connect();
  w.send("GET / HTTP/1.0\r\n\r\n");
  auto const old = w.read_to_end();
  CHECK(old.starts_with("HTTP/1.0 200 OK\r\n"));
  CHECK(old.ends_with("\r\n\r\nabcdef"));
}

TEST_CASE("A large answer streams, whether or not its length is known") {
  std::string const large(5'000'000, 'x');
  scripted_backend a{[&](connection& w, std::string const& request) {
    if (request.starts_with("GET /known")) return void(w.send(answer(large)));
    w.send("HTTP/1.1 200 OK\r\n\r\n" + large);
    w.close();
  }};
  proxy_process const p{a.toml("a")};
  CHECK(p.body_of("/known") == large);
  auto w = p.connect();
  w.send("GET /unknown HTTP/1.0\r\n\r\n");
  auto const all = w.read_to_end();
  CHECK(all.size() - all.find("\r\n\r\n") - 4 == large.size());
}

TEST_CASE("A bad or too large request gets the right status, a too slow one is cut off") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{"[limits]\nheader = 1024\nrequest_body = 10\n[timeouts]\nrequest = \"200ms\"\n" + a.toml("a")};
  auto const send = [&](std::string const& text) {
    auto w = p.connect();
    w.send(text);
    return w.read_to_end().substr(0, 12);
  };
  CHECK(send("nonsense\r\n\r\n") == "HTTP/1.1 400");
  CHECK(send("GET / HTTP/1.1\r\n\r\n") == "HTTP/1.1 400");  // no Host
  CHECK(send("GET / HTTP/1.1\r\nHost: test\r\nX: " + std::string(2000, 'x') + "\r\n\r\n") == "HTTP/1.1 431");
  CHECK(send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\nhello world") == "HTTP/1.1 413");
  CHECK(send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
        "HTTP/1.1 400");
  CHECK(send("GET / HTTP/1.1\r\nHost: te").empty());  // it is too slow
  CHECK(send("CONNECT test:80 HTTP/1.1\r\nHost: test\r\n\r\n") == "HTTP/1.1 501");
  CHECK(a.requests() == 0);
}

TEST_CASE("An ambiguous length or destination is refused") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a")};
  auto const send = [&](std::string const& text) {
    auto w = p.connect();
    w.send(text + "GET /smuggled HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    return w.read_to_end().substr(0, 12);
  };
  std::string const post = "POST / HTTP/1.1\r\nHost: test\r\n";
  CHECK(send(post + "Transfer-Encoding: identity\r\n\r\n") == "HTTP/1.1 400");
  CHECK(send(post + "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\nhi") == "HTTP/1.1 400");
  CHECK(send(post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n") == "HTTP/1.1 400");
  CHECK(send(post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") == "HTTP/1.1 501");
  CHECK(send("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == "HTTP/1.1 400");
  CHECK(send(post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi") == "HTTP/1.1 400");
  CHECK(send("GET / HTTP/1.0\r\nHost: test\r\nHost: other\r\n\r\n") == "HTTP/1.1 400");
  CHECK(send("GET ftp://test/ HTTP/1.1\r\nHost: test\r\n\r\n") == "HTTP/1.1 400");
  CHECK(send("GET test HTTP/1.1\r\nHost: test\r\n\r\n") == "HTTP/1.1 400");
  CHECK(a.requests() == 0);
}

TEST_CASE("Trailers after a chunked body do not become fields of the header") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  w.send(
      "POST / HTTP/1.1\r\nHost: test\r\nX-User: me\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Admin: "
      "yes\r\n\r\n");
  CHECK(w.read_message().ends_with("\r\n\r\na"));
  CHECK_THAT(a.last(), ContainsSubstring("X-User: me\r\n"));
  CHECK(a.last().ends_with("\r\n\r\nhi"));
  CHECK_FALSE(has(a.last(), "X-Admin"));
}

TEST_CASE("A chunk size line that never ends is refused") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  w.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2;");
  w.send(std::string(1'000'000, 'x'));
  CHECK(w.read_to_end().starts_with("HTTP/1.1 400"));
  CHECK(a.requests() == 0);
}

TEST_CASE("Every form of request reaches a backend with a path and one Host") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a")};
  auto const send = [&](std::string const& text) {
    auto w = p.connect();
    w.send(text);
    CHECK_THAT(w.read_to_end(), ContainsSubstring("200 OK"));
    return a.last();
  };
  auto const absolute = send("GET http://real:81?x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n");
  CHECK(absolute.starts_with("GET /?x HTTP/1.1\r\n"));
  CHECK_THAT(absolute, ContainsSubstring("\r\nHost: real:81\r\n"));
  CHECK_FALSE(has(absolute, "other"));
  auto const old = send("GET / HTTP/1.0\r\n\r\n");
  CHECK_THAT(old, ContainsSubstring("\r\nHost: 127.0.0.1:" + std::to_string(a.port()) + "\r\n"));
  CHECK_FALSE(has(old, "X-Forwarded-Host"));
  auto const waiting = send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(waiting.ends_with("\r\n\r\nhi"));
}

TEST_CASE("A length that a backend sends twice is passed on once") {
  auto const twice =
      GENERATE(as<std::string>{}, "Content-Length: 2\r\nContent-Length: 2\r\n", "Content-Length: 2, 2\r\n");
  scripted_backend a{[&](connection& w, std::string const&) { w.send("HTTP/1.1 200 OK\r\n" + twice + "\r\nhi"); }};
  proxy_process const p{a.toml("a")};
  auto const got = p.get("/");
  auto const first = got.find("Content-Length: 2\r\n");
  REQUIRE(first != got.npos);
  CHECK(got.find("Content-Length", first + 1) == got.npos);
  CHECK(got.ends_with("\r\n\r\nhi"));
}

TEST_CASE("An IPv4 client has an IPv4 address also on a socket for both families") {
  int const fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  bool const possible = ::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0;
  ::close(fd);
  if (!possible) SKIP("no IPv6 here");
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a"), "listen = \"[::]:0\"\nworkers = 1\n"};
  CHECK_THAT(p.get("/"), ContainsSubstring("200 OK"));
  CHECK_THAT(a.last(), ContainsSubstring("X-Forwarded-For: 127.0.0.1\r\n"));
  CHECK_THAT(p.get("/-/stats"), ContainsSubstring("200 OK"));  // from this machine
}

TEST_CASE("Status 204 has no length, whatever the backend sends") {
  scripted_backend a{[](connection& w, std::string const& request) {
    w.send(request.starts_with("GET /none") ? "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi" : answer("a"));
  }};
  proxy_process const p{a.toml("a")};
  auto w = p.connect();
  w.send("GET /none HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK_FALSE(has(w.read_message(true), "Content-Length"));
  w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(w.read_message().ends_with("\r\n\r\na"));
}
