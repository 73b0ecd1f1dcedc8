// The names from Boost that the proxy and its companions use, and how they wait.
#pragma once

#include <utility>  // first: Boost 1.74's awaitable forgets it

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

// co_await operation(…, into(ec)): the error goes to ec instead of an exception.
inline auto into(error_code& ec) {
  ec = {};
  return asio::redirect_error(asio::use_awaitable, ec);
}

// Waits on the executor of the coroutine that calls it.
inline task<> sleep_for(std::chrono::nanoseconds time) {
  asio::steady_timer timer{co_await asio::this_coro::executor, time};
  error_code ec;
  co_await timer.async_wait(into(ec));
}

}  // namespace proxy
