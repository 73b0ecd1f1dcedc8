// SPDX-License-Identifier: MIT
// An event loop of the test's own, servers on the loopback interface that run in it, and a pool of them that is
// checked.
#pragma once

#include <equipoise/with/asio.hpp>

#include "support.hpp"

#include <equipoise/core/endpoint.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>

#include <optional>

namespace asio_fixture {
using namespace equipoise;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

template <class T>
using task = asio::awaitable<T>;

// Runs the loop until a condition holds. Returns false if it does not within the time.
template <class Condition>
bool until(asio::io_context& io, Condition condition, std::chrono::seconds most = 20s) {
  for (auto const end = std::chrono::steady_clock::now() + most; std::chrono::steady_clock::now() < end;) {
    if (condition()) return true;
    io.restart();
    io.run_one_for(10ms);
  }
  return condition();
}

// Each connection runs the script. After it the connection is closed.
class fake_server {
 public:
  using script = std::function<task<void>(tcp::socket&)>;

  fake_server(asio::io_context& io, script s)
      : script_{std::move(s)}, acceptor_{io, {asio::ip::make_address("127.0.0.1"), 0}} {
    asio::co_spawn(io, accept(), asio::detached);
  }
  endpoint at() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }
  int accepted = 0, open = 0;

 private:
  task<void> accept() {
    for (;;) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      ++accepted;
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
    }
  }
  task<void> serve(tcp::socket socket) {
    ++open;
    try {
      co_await script_(socket);
    } catch (boost::system::system_error const&) {  // the other side has gone
    }
    --open;
  }

  script script_;
  tcp::acceptor acceptor_;
};

// Reads a request, and sends that.
inline fake_server::script answers(std::string const& text) {
  return [text](tcp::socket& socket) -> task<void> {
    std::string request;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
  };
}
// Waits until the other side closes the connection.
inline task<void> says_nothing(tcp::socket& socket) {
  char bytes[512];
  for (;;) co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
}

// A port without a listener.
inline endpoint refusing(asio::io_context& io) {
  tcp::acceptor const a{io, {asio::ip::make_address("127.0.0.1"), 0}};
  return {"127.0.0.1", a.local_endpoint().port()};
}

inline std::string http(std::string const& status, std::string const& body = "", std::string const& fields = "") {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline check_options quick() {
  check_options o;
  o.interval = o.falling_interval = o.down_interval = o.rising_interval = 5ms;
  o.timeout = 10s;
  o.rise = o.fall = 1;
  o.first_within = 0s;
  o.jitter = 0;
  return o;
}

inline check_target target_of(endpoint const& e) { return {e.host, e.port}; }

using probe = check_runner<endpoint>::probe_function;

// A pool that is checked.
struct checked {
  asio::io_context& io;
  equipoise::pool<endpoint> pool;
  check_scheduler<endpoint> scheduler;
  std::vector<check_event> events;
  std::optional<check_runner<endpoint>> runner;

  checked(asio::io_context& on, std::vector<endpoint> const& backends, probe p, check_options const& o = quick(),
          check_runner_options r = {})
      : io{on}, scheduler{pool, o} {
    pool.assign(backends);
    r.on_result = [this](check_event const& e) { events.push_back(e); };
    runner.emplace(io, pool, scheduler, target_of, std::move(p), r);
  }
  backend_id id(endpoint const& e) const { return pool.find(e.text()); }
  health_flag health(endpoint const& e) const { return pool.health(id(e)); }
  bool waits_for(std::size_t n) {
    return until(io, [&] { return events.size() >= n; });
  }
};

// What a check of one backend gives.
inline check_result result_of(asio::io_context& io, endpoint const& e, probe p, check_options const& o = quick()) {
  checked c{io, {e}, std::move(p), o};
  REQUIRE(c.waits_for(1));
  return c.events[0].result;
}

}  // namespace asio_fixture
