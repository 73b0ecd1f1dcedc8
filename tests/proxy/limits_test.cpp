// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "fixture.hpp"

#include <nlohmann/json.hpp>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

using clock_type = std::chrono::steady_clock;

// Listens but never accepts, and its queue is full. Further handshakes get no answer.
class non_accepting_backend {
 public:
  non_accepting_backend() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at_.sin_port = htons(port_);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at_), sizeof at_);
    ::listen(listener_, 0);
    for (int i = 0; i != 8; ++i) start_connection();
  }
  ~non_accepting_backend() {
    for (int fd : connections_) ::close(fd);
    ::close(listener_);
  }
  non_accepting_backend(non_accepting_backend const&) = delete;

  // Not every system drops connections when the queue is full.
  bool drops_connections() {
    pollfd last{start_connection(), POLLOUT, 0};
    return ::poll(&last, 1, 100) == 0;
  }
  std::string toml(std::string const& name) const {
    return "[[backend]]\nname = \"" + name + "\"\naddress = \"127.0.0.1:" + std::to_string(port_) + "\"\n";
  }

 private:
  int start_connection() {
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)::connect(fd, reinterpret_cast<sockaddr*>(&at_), sizeof at_);
    return connections_.emplace_back(fd);
  }

  unsigned short port_ = demo::free_port();
  sockaddr_in at_{};
  int listener_;
  std::vector<int> connections_;
};

}  // namespace

TEST_CASE("An idle client sees an orderly close after the idle timeout") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{"[timeouts]\nidle = \"300ms\"\n" + a.toml("a")};
  auto const begin = clock_type::now();
  auto w = p.connect();
  SECTION("after an answer") {
    w.send(plain_request);
    REQUIRE(w.read_message().ends_with("\r\n\r\na"));
  }
  SECTION("without any request") {}
  CHECK(w.read_to_end().empty());
  CHECK(w.ended);
  CHECK_FALSE(w.reset);
  CHECK(clock_type::now() - begin >= 300ms);
}

TEST_CASE("An idle connection to a backend is closed, too") {
  std::atomic<bool> ended{false};
  scripted_backend a{[&](connection& w, std::string const&) {
    w.send(answer("a"));
    w.read_more();
    ended = w.ended && w.received.empty();
  }};
  proxy_process const p{no_health + "[timeouts]\nidle = \"100ms\"\n" + a.toml("a")};
  CHECK_THAT(p.get("/"), ContainsSubstring("200 OK"));
  CHECK(eventually([&] { return ended.load(); }));
}

TEST_CASE("With a limit of one client, the second one is answered after the first one left") {
  std::atomic<bool> first_is_connected{true}, too_early{false};
  scripted_backend a{[&](connection& w, std::string const& request) {
    if (request.starts_with("GET /second") && first_is_connected) too_early = true;
    w.send(answer("a"));
  }};
  proxy_process const p{"[limits]\nclients = 1\n" + a.toml("a")};
  auto first = p.connect();
  first.send(plain_request);
  REQUIRE(first.read_message().ends_with("\r\n\r\na"));
  auto second = p.connect();  // the system accepts it into the queue
  second.send("GET /second HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK_FALSE(second.read_more(100ms));
  for (int i = 0; i != 20; ++i) {
    first.send(plain_request);
    REQUIRE(first.read_message().ends_with("\r\n\r\na"));
  }
  first.send("GET /-/stats HTTP/1.1\r\nHost: test\r\n\r\n");
  auto const stats = first.read_message();
  CHECK(nlohmann::json::parse(stats.substr(stats.find("\r\n\r\n")))["clients"] == 1);
  first_is_connected = false;
  first.close();
  CHECK(second.read_message().ends_with("\r\n\r\na"));
  CHECK_FALSE(too_early);
}

TEST_CASE("Any request goes to another backend if the first one does not accept in time") {
  non_accepting_backend a;
  if (!a.drops_connections()) SKIP("a full queue still accepts here");
  SECTION("if there is another one") {
    scripted_backend b{answers_with("b")};
    proxy_process const p{no_health + "[timeouts]\nconnect = \"100ms\"\n" + a.toml("a") + b.toml("b")};
    auto const method = GENERATE(as<std::string>{}, "GET", "POST");
    auto w = p.connect();
    for (int i = 0; i != 2; ++i) {
      w.send(method + " / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi");
      CHECK_THAT(w.read_message(), ContainsSubstring("X-Backend: b"));
    }
  }
  SECTION("and not before the configured time, which is longer than the default") {
    proxy_process const p{no_health + "[retry]\nattempts = 1\n[timeouts]\nconnect = \"1200ms\"\n" + a.toml("a")};
    auto const begin = clock_type::now();
    CHECK_THAT(p.get("/"), ContainsSubstring("502") && ContainsSubstring("a: no connection"));
    CHECK(clock_type::now() - begin >= 1200ms);
  }
}
