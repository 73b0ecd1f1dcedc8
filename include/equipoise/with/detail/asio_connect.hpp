// SPDX-License-Identifier: MIT
// Opens the connection of a check, and says what an error of it means.
#pragma once

#include <equipoise/health/check_rules.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Where a backend is checked.
struct check_target {
  std::string host;              ///< an address, or a name that is looked up; IPv6 without brackets
  std::uint16_t port = 0;        ///< 1 … 65 535
  std::string server_name = {};  ///< for TLS and for the Host field of HTTP; empty: the host
};

namespace detail {

// True if a connection failed because this machine has no descriptor, port or memory left, or because the check was
// cancelled. That says nothing about the backend.
inline bool says_nothing(boost::system::error_code ec) noexcept {
  namespace errc = boost::system::errc;
  return ec == boost::asio::error::operation_aborted || ec == errc::too_many_files_open ||
         ec == errc::too_many_files_open_in_system || ec == errc::not_enough_memory || ec == errc::no_buffer_space ||
         ec == errc::address_not_available;
}

inline char const* reason_of(boost::system::error_code ec) noexcept {
  namespace error = boost::asio::error;
  namespace http = boost::beast::http;
  constexpr char const* closed = "connection closed without an answer";
  std::pair<boost::system::error_code, char const*> const known[] = {
      {error::connection_refused, "connection refused"},
      {error::connection_reset, "connection reset"},
      {error::broken_pipe, "connection reset"},
      {error::host_unreachable, "host unreachable"},
      {error::network_unreachable, "network unreachable"},
      {error::timed_out, "connection timed out"},
      {error::host_not_found, "host name not found"},
      {error::host_not_found_try_again, "host name not found"},
      {error::no_data, "host name not found"},
      {error::eof, closed},
      {http::error::end_of_stream, closed},
      {http::error::partial_message, "connection closed within an answer"}};
  for (auto const& [code, text] : known)
    if (ec == code) return text;
  return ec.category() == known[std::size(known) - 1].first.category() ? "malformed HTTP answer" : "connection error";
}

// What an error says about a backend, if anything.
inline std::optional<check_result> verdict_of(boost::system::error_code ec) {
  if (says_nothing(ec)) return {};
  return check_result{check_answer::failed, reason_of(ec), ec.value()};
}
inline std::optional<check_result> verdict_of(std::exception_ptr const& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (boost::system::system_error const& e) {
    return verdict_of(e.code());
  } catch (std::bad_alloc const&) {
    return {};
  } catch (...) {
    return check_result{check_answer::failed, "the check threw an exception"};
  }
}

struct name_lookup {
  explicit name_lookup(boost::asio::any_io_executor const& on)
      : resolver{on}, done{on, boost::asio::steady_timer::time_point::max()} {}

  boost::asio::ip::tcp::resolver resolver;
  boost::asio::steady_timer done;  // cancelled when the answer is here
  bool is_done = false;
  boost::system::error_code problem;
  boost::asio::ip::tcp::resolver::results_type found;
};

// Asio cannot end a call of getaddrinfo() that has begun. So the answer goes to an object of its own, and only the
// waiting ends with the check.
inline boost::asio::awaitable<boost::asio::ip::tcp::resolver::results_type> addresses_of(check_target const& to) {
  using results = boost::asio::ip::tcp::resolver::results_type;
  auto const port = std::to_string(to.port);
  boost::system::error_code ec;
  auto const address = boost::asio::ip::make_address(to.host, ec);
  if (!ec) co_return results::create(boost::asio::ip::tcp::endpoint{address, to.port}, to.host, port);
  auto const lookup = std::make_shared<name_lookup>(co_await boost::asio::this_coro::executor);
  lookup->resolver.async_resolve(to.host, port, [lookup](boost::system::error_code problem, results found) {
    lookup->is_done = true;
    lookup->problem = problem;
    lookup->found = std::move(found);
    lookup->done.cancel();
  });
  co_await lookup->done.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
  if (!lookup->is_done) {
    lookup->resolver.cancel();
    throw boost::system::system_error{boost::asio::error::operation_aborted};
  }
  if (lookup->problem) throw boost::system::system_error{lookup->problem};
  co_return lookup->found;
}

// Throws boost::system::system_error, as the functions that use it.
inline boost::asio::awaitable<void> open_connection(boost::asio::ip::tcp::socket& socket, check_target const& to) {
  auto const addresses = co_await addresses_of(to);
  co_await boost::asio::async_connect(socket, addresses, boost::asio::use_awaitable);
  boost::system::error_code ignored;
  socket.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
