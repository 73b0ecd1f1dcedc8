// SPDX-License-Identifier: MIT
// The names from Boost.Asio and Boost.Beast that the proxy, the backend and the load generator use.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>

namespace proxy {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

template <class Result = void>
using task = asio::awaitable<Result>;

// In `co_await operation(…, into(ec))` the operation stores its error in ec instead of throwing.
inline auto into(error_code& ec) {
  ec = {};
  return asio::redirect_error(asio::use_awaitable, ec);
}

// Waits on the executor of the calling coroutine.
inline task<> sleep_for(std::chrono::nanoseconds time) {
  asio::steady_timer timer{co_await asio::this_coro::executor, time};
  error_code ec;
  co_await timer.async_wait(into(ec));
}

}  // namespace proxy
