// SPDX-License-Identifier: MIT
#include "asio_fixture.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace asio_test {
using namespace asio_fixture;
using Catch::Matchers::ContainsSubstring;

namespace {
std::string text_of(asio::io_context& io, fake_server const& s, http_probe_options o = {}) {
  return to_string(result_of(io, s.at(), http_probe{std::move(o)}));
}
}  // namespace

TEST_CASE("check_runner: a connection that opens is good, and one that is refused is not") {
  asio::io_context io;
  fake_server open{io, says_nothing};
  auto const shut = refusing(io);
  checked c{io, {open.at(), shut}, tcp_probe{}};
  REQUIRE(c.waits_for(4));
  CHECK(c.health(open.at()) == health_flag::none);
  CHECK(c.health(shut) == health_flag::down);
  CHECK(c.scheduler.report(c.id(shut))->last == check_result{check_answer::failed, "connection refused", ECONNREFUSED});
  for (auto const& e : c.events) CHECK(e.report.is_up() == (e.id == c.id(open.at())));
}

TEST_CASE("check_runner: a name is looked up, and one that is not known is a failure") {
  asio::io_context io;
  fake_server s{io, says_nothing};
  CHECK(result_of(io, {"localhost", s.at().port}, tcp_probe{}).answer == check_answer::good);
  check_result const unknown = result_of(io, {"no such host", 80}, tcp_probe{});
  CHECK(unknown.answer == check_answer::failed);
  CHECK(std::string{unknown.reason} == "host name not found");
}

TEST_CASE("check_runner: a look-up that still runs is left behind") {
  asio::io_context io;
  checked c{io, {{"localhost", 1}, {"no such host", 1}}, tcp_probe{}};
  REQUIRE(until(io, [&] { return c.runner->open() == 2; }));
  c.runner.reset();
  SECTION("the loop goes on") {
    until(
        io, [] { return false; }, 0s);
  }
  SECTION("the loop ends") {}
  CHECK(c.events.empty());
}

TEST_CASE("http_probe: status, fields and body decide") {
  asio::io_context io;
  fake_server good{io, answers(http("200 OK", "I am ready"))}, bad{io, answers(http("503 No", "ready"))};
  CHECK(text_of(io, good) == "good: HTTP status 200");
  CHECK(text_of(io, bad) == "failed: HTTP status 503");
  CHECK(text_of(io, good, {.check = {.body = "ready"}}) == "good: HTTP status 200");
  CHECK(text_of(io, good, {.check = {.body = "steady"}}) == "failed: no expected text; HTTP status 200");
  CHECK(text_of(io, good, {.check = {.body = "ready"}, .most_body = 6}) == "failed: no expected text; HTTP status 200");
  fake_server typed{io, answers(http("200 OK", "", "Content-Type: text/plain\r\n"))};
  CHECK(text_of(io, typed, {.check = {.headers = {{"content-type", "text/"}}}}) == "good: HTTP status 200");
  CHECK(text_of(io, typed, {.check = {.headers = {{"server"}}}}) == "failed: no expected header; HTTP status 200");
}

TEST_CASE("http_probe: interim answers, and bodies of every length, are read") {
  asio::io_context io;
  std::string const early = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  fake_server interim{io, answers(early + early + http("204 No Content"))};
  CHECK(text_of(io, interim) == "good: HTTP status 204");
  http_probe_options const wanted{.check = {.body = "end"}};
  fake_server chunked{io,
                      answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ne\r\n2\r\nnd\r\n0\r\n\r\n")};
  CHECK(text_of(io, chunked, wanted) == "good: HTTP status 200");
  fake_server unbounded{io, answers("HTTP/1.1 200 OK\r\n\r\nthe end")};
  CHECK(text_of(io, unbounded, wanted) == "good: HTTP status 200");
  fake_server promised{io, answers("HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\nthe end")};
  CHECK(text_of(io, promised, wanted) == "good: HTTP status 200");  // what is needed was read
  CHECK(text_of(io, promised, {.check = {.body = "more"}}) == "failed: no expected text; HTTP status 200");
}

TEST_CASE("http_probe: what is no answer is a failure with a reason") {
  asio::io_context io;
  fake_server closes{io, answers("")}, garbled{io, answers("SSH-2.0-x\r\n\r\n")}, half{io, answers("HTTP/1.1 200 O")};
  CHECK(text_of(io, closes) == "failed: connection closed without an answer 1");
  CHECK_THAT(text_of(io, garbled), ContainsSubstring("failed: malformed HTTP answer"));
  CHECK_THAT(text_of(io, half), ContainsSubstring("failed: connection closed within an answer"));
  fake_server endless{io, answers("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n")};
  CHECK_THAT(text_of(io, endless), ContainsSubstring("failed: malformed HTTP answer"));
}

TEST_CASE("http_probe: the request names the server, and takes fields") {
  asio::io_context io;
  std::string seen;
  fake_server s{io, [&](tcp::socket& socket) -> task<void> {
                  std::string request;
                  co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n",
                                                  asio::use_awaitable);
                  seen = request;
                }};
  equipoise::pool<endpoint> pool;
  pool.assign({s.at()});
  check_scheduler scheduler{pool, quick()};
  check_runner const runner{
      io, pool, scheduler,
      [](endpoint const& e) {
        return check_target{e.host, e.port, "shop.test"};
      },
      http_probe{{.path = "/up?deep=1", .headers = {{"Authorization", "Basic eDp5"}, {"User-Agent", "probe"}}}}};
  REQUIRE(until(io, [&] { return !seen.empty(); }));
  CHECK(seen == "GET /up?deep=1 HTTP/1.1\r\nHost: shop.test:" + std::to_string(s.at().port) +
                    "\r\nConnection: close\r\nAuthorization: Basic eDp5\r\nUser-Agent: probe\r\n\r\n");
}

TEST_CASE("http_probe: options that would break the request are refused by name") {
  CHECK_THROWS_WITH(http_probe{{.path = "health"}}, ContainsSubstring("http_probe_options::path 'health' is not"));
  CHECK_THROWS_WITH(http_probe{{.path = "/a b"}}, ContainsSubstring("path '/a b'"));
  CHECK_THROWS_WITH((http_probe{{.headers = {{"X:", "y"}}}}), ContainsSubstring("the name 'X:'"));
  CHECK_THROWS_WITH((http_probe{{.headers = {{"X", "y\r\nZ: 1"}}}}), ContainsSubstring("in the value of 'X'"));
}

TEST_CASE("check_runner: a backend that accepts and never answers fails at the deadline") {
  asio::io_context io;
  fake_server s{io, says_nothing};
  auto o = quick();
  o.timeout = 30ms;
  checked c{io, {s.at()}, http_probe{}, o};
  REQUIRE(c.waits_for(3));
  CHECK(to_string(c.events[0].result) == "failed: no answer in time");
  CHECK(c.events[0].before == check_standing::starting);
  CHECK(c.events[0].report.standing == check_standing::down);
  CHECK(c.scheduler.counts().timed_out >= 3);
  CHECK(c.scheduler.counts().dropped == 0);
  c.runner->stop();
  CHECK(until(io, [&] { return s.open == 0; }));  // their sockets are closed
}

TEST_CASE("check_runner: no more checks are open than allowed, and all have their turn") {
  asio::io_context io;
  std::vector<std::unique_ptr<fake_server>> servers;
  std::vector<endpoint> all;
  for (int i = 0; i != 20; ++i) {
    servers.push_back(std::make_unique<fake_server>(io, i % 2 == 0 ? answers(http("200 OK")) : says_nothing));
    all.push_back(servers.back()->at());
  }
  auto o = quick();
  o.timeout = 20ms;
  checked c{io, all, http_probe{}, o, {.most_open = 3}};
  CHECK(until(io, [&] {
    REQUIRE(c.runner->open() <= 3);
    return std::all_of(all.begin(), all.end(), [&](auto const& e) {
      auto const* const r = c.scheduler.report(c.id(e));
      return r != nullptr && r->standing != check_standing::starting;
    });
  }));
  for (std::size_t i = 0; i != all.size(); ++i) CHECK(c.scheduler.report(c.id(all[i]))->is_up() == (i % 2 == 0));
}

TEST_CASE("check_runner: members that join are checked, and those that leave are not") {
  asio::io_context io;
  fake_server a{io, answers(http("200 OK"))}, b{io, answers(http("500 No"))};
  checked c{io, {a.at()}, http_probe{}, quick(), {.follow_every = 0s}};
  REQUIRE(c.waits_for(2));
  c.pool.assign({a.at(), b.at()});
  c.runner->follow();
  CHECK(until(io, [&] { return c.health(b.at()) == health_flag::down; }));
  c.pool.assign({b.at()});
  CHECK(until(io, [&] { return a.open == 0 && c.runner->open() == 0; }));
  auto const seen = a.accepted;
  auto const events = c.events.size();
  REQUIRE(c.waits_for(events + 5));
  CHECK(a.accepted <= seen + 1);
}

TEST_CASE("check_runner: without a call, members that join are found in time") {
  asio::io_context io;
  fake_server a{io, answers(http("200 OK"))};
  checked c{io, {}, http_probe{}, quick(), {.follow_every = 5ms}};
  until(io, [] { return true; });
  c.pool.assign({a.at()});
  CHECK(c.waits_for(1));
}

TEST_CASE("check_runner: check_now does not wait for the interval") {
  asio::io_context io;
  fake_server a{io, answers(http("200 OK"))};
  auto o = quick();
  o.interval = 1h;
  checked c{io, {a.at()}, http_probe{}, o};
  REQUIRE(c.waits_for(1));
  c.runner->check_now(c.id(a.at()));
  CHECK(c.waits_for(2));
  c.runner->check_now({});
  auto const left = c.pool.add(refusing(io));
  c.pool.remove(left);
  c.runner->check_now(left);
  CHECK(until(io, [&] { return c.runner->open() == 0; }));
}

TEST_CASE("check_runner: a backend that leaves during its check has no verdict") {
  asio::io_context io;
  fake_server a{io, says_nothing}, b{io, answers(http("200 OK"))};
  checked c{io, {a.at(), b.at()}, http_probe{}};
  REQUIRE(until(io, [&] { return a.open == 1; }));
  auto const id = c.id(a.at());
  SECTION("it does not come back") {
    c.pool.assign({b.at()});
    REQUIRE(c.waits_for(5));
    for (auto const& e : c.events) CHECK(e.id != id);
  }
  SECTION("it comes back as another member") {
    c.pool.assign({b.at()});
    c.pool.assign({b.at(), a.at()});
    c.runner->follow();
    CHECK(until(io, [&] { return a.accepted == 2; }));
    CHECK(c.health(a.at()) == health_flag::none);
  }
}

TEST_CASE("check_runner: stop ends 50 running checks, and nothing is used afterwards") {
  asio::io_context io;
  fake_server s{io, says_nothing};
  auto scheduled = std::make_unique<checked>(io, std::vector<endpoint>{}, http_probe{}, quick());
  for (int i = 1; i <= 50; ++i) scheduled->pool.add({"127.0.0." + std::to_string(i), 1});
  int running = 0, ended = 0;
  scheduled->runner.emplace(io, scheduled->pool, scheduled->scheduler, target_of,
                            [&](check_target const&, backend_id) -> task<check_result> {
                              struct at_end {
                                int& count;
                                ~at_end() { ++count; }
                              } const guard{ended};
                              ++running;
                              tcp::socket socket{co_await asio::this_coro::executor};
                              co_await detail::open_connection(socket, target_of(s.at()));
                              co_await says_nothing(socket);
                              co_return check_result{};
                            });
  REQUIRE(until(io, [&] { return running == 50 && s.open == 50; }));
  CHECK(scheduled->runner->open() == 50);
  bool runs_on = true;
  SECTION("by stop()") {
    scheduled->runner->stop();
    CHECK(scheduled->runner->open() == 0);
    CHECK(scheduled->scheduler.counts().dropped == 0);
    scheduled->runner->stop();  // once more does no harm
    scheduled->runner->follow();
    scheduled->runner->check_now({});
  }
  SECTION("by its end, before that of scheduler and pool") { scheduled.reset(); }
  SECTION("by a handler of its own") {
    asio::post(scheduled->runner->executor(), [&] { scheduled.reset(); });
  }
  SECTION("by the end of the event loop, which does not run again") {
    scheduled.reset();
    runs_on = false;
  }
  if (runs_on) {
    CHECK(until(io, [&] { return ended == 50 && s.open == 0; }));
    CHECK(running == 50);
  }
}

TEST_CASE("check_runner: it may end within its own message") {
  asio::io_context io;
  fake_server s{io, answers(http("200 OK"))};
  equipoise::pool<endpoint> pool;
  pool.assign({s.at(), refusing(io)});
  auto scheduler = std::make_unique<check_scheduler<endpoint>>(pool, quick());
  std::optional<check_runner<endpoint>> runner;
  int messages = 0;
  runner.emplace(io, pool, *scheduler, target_of, http_probe{},
                 check_runner_options{.on_result = [&](check_event const&) {
                   ++messages;
                   runner.reset();
                   scheduler.reset();
                 }});
  REQUIRE(until(io, [&] { return messages != 0; }));
  until(
      io, [] { return false; }, 0s);
  CHECK(messages == 1);
}
}  // namespace asio_test
