// SPDX-License-Identifier: MIT
// What says nothing about a backend, checks of the application's own, and agents.
#include "asio_fixture.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

namespace asio_trouble_test {
using namespace asio_fixture;
using Catch::Matchers::ContainsSubstring;

namespace {
// As many descriptors as are open now, and no more.
class no_descriptors {
 public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    int const next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next);
    ::close(next);
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

fake_server::script says(std::string const& line) {
  return [line](tcp::socket& socket) -> task<void> {
    co_await asio::async_write(socket, asio::buffer(line), asio::use_awaitable);
  };
}
}  // namespace

TEST_CASE("check_runner: a lack of descriptors says nothing about a backend") {
  asio::io_context io;
  fake_server s{io, answers(http("200 OK"))};
  auto const shut = refusing(io);
  std::optional<no_descriptors> none;
  none.emplace();
  checked c{io, {s.at(), shut}, http_probe{}, quick(), {.postponed_for = 5ms}};
  REQUIRE(until(io, [&] { return c.scheduler.counts().postponed >= 6; }));
  CHECK(c.events.empty());
  CHECK(c.health(s.at()) == health_flag::none);
  CHECK(c.health(shut) == health_flag::none);
  none.reset();
  REQUIRE(c.waits_for(2));
  CHECK(until(io, [&] { return c.health(shut) == health_flag::down; }));
  CHECK(c.health(s.at()) == health_flag::none);
}

TEST_CASE("check_runner: a loop that stood still gives no verdict for the open checks") {
  asio::io_context io;
  fake_server s{io, says_nothing};
  auto o = quick();
  o.timeout = 30ms;
  checked c{io, {s.at()}, http_probe{}, o};
  REQUIRE(until(io, [&] { return s.open == 1; }));
  auto const end = std::chrono::steady_clock::now() + 200ms;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  REQUIRE(until(io, [&] { return c.scheduler.counts().postponed == 1; }));
  CHECK(c.events.empty());
  CHECK(c.waits_for(1));  // and the next one fails in its time
}

TEST_CASE("check_runner: what a check throws is its answer") {
  asio::io_context io;
  auto const throwing = [&](auto e) {
    return result_of(io, {"a", 1}, [e](check_target const&, backend_id) -> task<check_result> {
      co_await asio::post(asio::use_awaitable);
      throw e;
    });
  };
  CHECK(throwing(std::runtime_error{"x"}) == check_result{check_answer::failed, "the check threw an exception"});
  CHECK(throwing(7) == check_result{check_answer::failed, "the check threw an exception"});
  CHECK(throwing(boost::system::system_error{asio::error::eof}) ==
        check_result{check_answer::failed, "connection closed without an answer", 2});
  CHECK(result_of(io, {"a", 1}, [](check_target const&, backend_id) -> task<check_result> {
          throw std::logic_error{"before the coroutine"};
        }).answer == check_answer::failed);
  CHECK(result_of(io, {"a", 1}, [](check_target const&, backend_id) -> task<check_result> {
          co_return check_result{check_answer::stopping, "soon"};  // at once, without waiting
        }) == check_result{check_answer::stopping, "soon"});
}

TEST_CASE("check_runner: a check that gives up by itself, or lacks memory, has no verdict") {
  asio::io_context io;
  int calls = 0;
  checked c{io,
            {{"a", 1}},
            [&](check_target const&, backend_id) -> task<check_result> {
              co_await asio::post(asio::use_awaitable);
              if (++calls == 1) throw boost::system::system_error{asio::error::operation_aborted};
              if (calls == 2) throw std::bad_alloc{};
              co_return check_result{};
            },
            quick(),
            {.postponed_for = 1ms}};
  REQUIRE(c.waits_for(1));
  CHECK(calls == 3);
  CHECK(c.scheduler.counts().postponed == 2);
}

TEST_CASE("check_runner: a target function that throws fails the check of its backend alone") {
  asio::io_context io;
  equipoise::pool<endpoint> pool;
  auto const a = pool.add({"a", 1}), b = pool.add({"b", 2});
  check_scheduler scheduler{pool, quick()};
  std::vector<check_event> events;
  check_runner const runner{io,
                            pool,
                            scheduler,
                            [](endpoint const& e) {
                              if (e.port == 2) throw std::out_of_range{"no such backend"};
                              return target_of(e);
                            },
                            [](check_target const&, backend_id) -> task<check_result> { co_return check_result{}; },
                            {.on_result = [&](check_event const& e) { events.push_back(e); }}};
  REQUIRE(until(io, [&] { return events.size() >= 4; }));
  CHECK(pool.health(a) == health_flag::none);
  CHECK(pool.health(b) == health_flag::down);
}

TEST_CASE("check_runner: an exception of the message leaves run(), and the checks go on") {
  asio::io_context io;
  equipoise::pool<endpoint> pool;
  pool.add({"a", 1});
  check_scheduler scheduler{pool, quick()};
  check_runner const runner{io,
                            pool,
                            scheduler,
                            target_of,
                            [](check_target const&, backend_id) -> task<check_result> { co_return check_result{}; },
                            {.on_result = [](check_event const&) { throw std::runtime_error{"log full"}; }}};
  for (int i = 0; i != 5; ++i) CHECK_THROWS_WITH(until(io, [] { return false; }), "log full");
  CHECK(scheduler.counts().good >= 5);
}

TEST_CASE("check_runner: a check that ignores its end does not hold up the others") {
  asio::io_context io;
  int begun = 0;
  asio::steady_timer never{io, asio::steady_timer::time_point::max()};
  auto o = quick();
  o.timeout = 10ms;
  checked c{io,
            {{"a", 1}, {"b", 2}},
            [&](check_target const&, backend_id) -> task<check_result> {
              ++begun;
              co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
              co_await never.async_wait(asio::use_awaitable);
              co_return check_result{};
            },
            o,
            {.most_open = 1}};
  REQUIRE(c.waits_for(4));
  never.cancel();  // they end now, too late
  until(
      io, [] { return false; }, 0s);
  CHECK(begun >= 4);
  for (auto const& e : c.events) CHECK(to_string(e.result) == "failed: no answer in time");
}

TEST_CASE("check_runner: in an event loop of several threads all runs in one strand") {
  asio::io_context io;
  equipoise::pool<endpoint> pool;
  for (std::uint16_t i = 1; i <= 20; ++i) pool.add({"a", i});
  check_scheduler scheduler{pool, quick()};
  std::atomic<int> seen{0};
  int inside = 0;  // a race, if there were two strands
  std::optional<check_runner<endpoint>> runner;
  runner.emplace(
      io, pool, scheduler, target_of,
      [&](check_target const&, backend_id) -> task<check_result> {
        ++inside;
        co_await asio::post(asio::use_awaitable);
        ++inside;
        co_return check_result{};
      },
      check_runner_options{.on_result = [&](check_event const&) { ++seen; }});
  auto work = asio::make_work_guard(io);
  std::vector<std::thread> threads;
  for (int i = 0; i != 3; ++i) threads.emplace_back([&] { io.run(); });
  while (seen < 200) {
    runner->follow();
    runner->check_now(pool.find("a:1"));
    std::this_thread::yield();
  }
  asio::post(runner->executor(), [&] { runner.reset(); });
  work.reset();
  for (auto& t : threads) t.join();
  CHECK(inside >= 400);
}

TEST_CASE("check_runner: an executor that was stopped does no harm") {
  asio::io_context io;
  fake_server s{io, says_nothing};
  {
    checked c{io, {s.at()}, http_probe{}};
    REQUIRE(until(io, [&] { return s.open == 1; }));
    io.stop();
  }
  SUCCEED("the loop ends with the handlers in it");
}

TEST_CASE("check_runner: options out of range are refused by name") {
  asio::io_context io;
  equipoise::pool<endpoint> pool;
  check_scheduler scheduler{pool};
  auto const with = [&](check_runner_options const& o) {
    check_runner{io, pool, scheduler, target_of, tcp_probe{}, o};
  };
  CHECK_THROWS_WITH(with({.most_open = 0}), ContainsSubstring("check_runner_options::most_open 0 is not 1 or more"));
  CHECK_THROWS_WITH(with({.follow_every = -1ns}), ContainsSubstring("follow_every -1 ns is not 0 or more"));
  CHECK_THROWS_WITH(with({.postponed_for = 0ns}), ContainsSubstring("postponed_for 0 ns is not more than 0"));
  CHECK_THROWS_WITH((check_runner{io, pool, scheduler, target_of, nullptr}), ContainsSubstring("no probe"));
}

TEST_CASE("agent_probe: weight, drain and down are taken from the agent's line") {
  asio::io_context io;
  auto o = quick();
  o.down = o.stopping = health_flag::none;  // the scheduler only reports
  auto const after = [&](std::string const& line, endpoint e = {}) {
    fake_server const agent{io, says(line)};
    if (e.port == 0) e = {"127.0.0.1", agent.at().port, {200, 0, ""}};
    equipoise::pool<endpoint> pool;
    auto const id = pool.add(e);
    agent_probe<endpoint> const ask{pool, {.down = health_flag::user_1}};
    check_scheduler scheduler{pool, o};
    std::string text;
    check_runner const runner{io, pool, scheduler, target_of, ask, {.on_result = [&](check_event const& seen) {
                                std::uint32_t weight = 0;
                                pool.visit(id, [&](auto const&, attributes const& a, auto) { weight = a.weight; });
                                text = to_string(seen.result) + ", " + to_string(pool.health(id)) + ", weight " +
                                       std::to_string(weight) + ", limit " + std::to_string(ask.target(id).limit);
                              }}};
    REQUIRE(until(io, [&] { return !text.empty(); }));
    return text;
  };
  auto const none = to_string(health_flag::none);
  CHECK(after("75%\n") == "good: the agent answered, " + none + ", weight 150, limit 0");
  CHECK(after("up maxconn:30\r\n") == "good: the agent answered, " + none + ", weight 200, limit 30");
  CHECK(after("down\n") ==
        "unhealthy: the agent says down, " + to_string(health_flag::user_1) + ", weight 200, limit 0");
  CHECK(after("drain\n") == "good: the agent answered, " + to_string(health_flag::draining) + ", weight 200, limit 0");
  CHECK(after("75%") == "failed: no line from the agent, " + none + ", weight 200, limit 0");
  CHECK(after("", {refusing(io)}) == "failed: connection refused 111, " + none + ", weight 1, limit 0");
  CHECK(after(std::string(100'000, '%')) == "failed: no line from the agent, " + none + ", weight 200, limit 0");
}

TEST_CASE("agent_probe: what it sends comes first, and up ends what down began") {
  asio::io_context io;
  std::string reply = "down\n", seen;
  fake_server agent{io, [&](tcp::socket& socket) -> task<void> {
                      std::string question;
                      co_await asio::async_read_until(socket, asio::dynamic_buffer(question), "\n",
                                                      asio::use_awaitable);
                      seen = question;
                      co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
                    }};
  auto o = quick();
  o.down = o.stopping = health_flag::none;
  equipoise::pool<endpoint> pool;
  auto const id = pool.add(agent.at());
  check_scheduler scheduler{pool, o};
  check_runner const runner{io, pool, scheduler, target_of, agent_probe{pool, {.send = "b1\n"}}};
  CHECK(until(io, [&] { return pool.health(id) == health_flag::down; }));
  CHECK(seen == "b1\n");
  reply = "ready up\n";
  CHECK(until(io, [&] { return pool.health(id) == health_flag::none; }));
}

}  // namespace asio_trouble_test
