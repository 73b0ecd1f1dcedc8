// SPDX-License-Identifier: MIT
// The requests of an etcd_source, sent by Boost.Asio and Boost.Beast (1.81 or newer, headers only).
//
//   equipoise::etcd_source source{…};
//   boost::asio::co_spawn(io, equipoise::follow(source, [&] { source.tell(feed, now()); }), boost::asio::detached);
//
// One connection is open while all is well: that of the watch. If it has been silent for etcd_options::silence, the
// endpoint is asked something else over a connection of its own; if that is not answered either, the next endpoint is
// used. So an etcd that hangs is noticed, and not only one that closes its connections.
#pragma once

#include <equipoise/with/etcd.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <functional>
#include <memory>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// One connection to an endpoint, for one request. Every function throws boost::system::system_error.
class etcd_connection {
 public:
  using stream = boost::beast::tcp_stream;
  static constexpr std::chrono::seconds patience{5};  // for everything but the bytes of a watch

  explicit etcd_connection(boost::asio::any_io_executor const& on) : stream_{on}, timer_{on} {}

  boost::asio::awaitable<void> send(etcd_task const& task) {
    using boost::asio::use_awaitable;
    namespace http = boost::beast::http;
    auto const at = endpoint::parse(task.endpoint);
    boost::asio::ip::tcp::resolver resolver{stream_.get_executor()};
    stream_.expires_after(patience);
    auto const found = co_await resolver.async_resolve(at.host, std::to_string(at.port), use_awaitable);
    co_await stream_.async_connect(found, use_awaitable);
    http::request<http::string_body> request{http::verb::post, task.target, 11};
    request.set(http::field::host, task.endpoint);
    request.set(http::field::content_type, "application/json");
    request.set(etcd_source::leader_header, etcd_source::leader_value);
    request.body() = task.body;
    request.prepare_payload();
    co_await http::async_write(stream_, request, use_awaitable);
  }

  // The whole answer: its status and its body.
  boost::asio::awaitable<std::pair<int, std::string>> whole_answer() {
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.body_limit(std::uint64_t{256} << 20);
    co_await boost::beast::http::async_read(stream_, buffer_, parser, boost::asio::use_awaitable);
    co_return std::pair{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
  }

  // The header of the answer to a watch. etcd sends it with the first event, at the latest when the watch was created.
  boost::asio::awaitable<int> begin_answer() {
    parser_.body_limit(boost::none);
    co_await boost::beast::http::async_read_header(stream_, buffer_, parser_, boost::asio::use_awaitable);
    stream_.expires_never();
    co_return static_cast<int>(parser_.get().result_int());
  }
  // The next bytes, which may be none; nothing after the silence. At the end of the answer it throws
  // http::error::end_of_stream.
  boost::asio::awaitable<std::optional<std::string_view>> more(std::chrono::nanoseconds silence) {
    namespace http = boost::beast::http;
    if (parser_.is_done()) throw boost::system::system_error{http::error::end_of_stream};
    // The handler may still be queued when the read is over.
    auto const state = std::make_shared<alarm>();
    timer_.expires_after(silence);
    timer_.async_wait([this, state](boost::system::error_code ec) {
      if (ec || state->is_off) return;
      state->has_rung = true;
      stream_.cancel();
    });
    parser_.get().body().data = bytes_;
    parser_.get().body().size = sizeof bytes_;
    boost::system::error_code ec;
    co_await http::async_read_some(stream_, buffer_, parser_,
                                   boost::asio::redirect_error(boost::asio::use_awaitable, ec));
    state->is_off = true;
    timer_.cancel();
    auto const size = sizeof bytes_ - parser_.get().body().size;
    if (state->has_rung && ec == boost::asio::error::operation_aborted) co_return std::nullopt;
    if (ec && ec != http::error::need_buffer) throw boost::system::system_error{ec};
    co_return std::string_view{bytes_, size};
  }

  // What is left of an answer that ends soon.
  boost::asio::awaitable<std::string> rest() {
    std::string all;
    try {
      while (!parser_.is_done()) {
        auto const bytes = co_await more(patience);
        if (!bytes) break;
        all += *bytes;
      }
    } catch (boost::system::system_error const&) {  // what came until then is enough
    }
    co_return all;
  }

 private:
  struct alarm {
    bool is_off = false, has_rung = false;
  };

  stream stream_;
  boost::asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_;
  boost::beast::http::response_parser<boost::beast::http::buffer_body> parser_;
  char bytes_[16384];
};

// Throws boost::system::system_error.
inline boost::asio::awaitable<std::pair<int, std::string>> ask_etcd(etcd_task task) {
  etcd_connection connection{co_await boost::asio::this_coro::executor};
  co_await connection.send(task);
  co_return co_await connection.whole_answer();
}

// Returns when the watch is over. Throws boost::system::system_error.
inline boost::asio::awaitable<void> watch_etcd(etcd_source& source, etcd_task task,
                                               std::function<void()> const& changed) {
  auto const now = [] { return time_point{std::chrono::steady_clock::now()}; };
  etcd_connection connection{co_await boost::asio::this_coro::executor};
  co_await connection.send(task);
  if (int const status = co_await connection.begin_answer(); status != 200) {
    auto const body = co_await connection.rest();
    static_cast<void>(source.watch_status(status, body, now()));
    co_return;
  }
  while (source.is_watching()) {
    auto const bytes = co_await connection.more(source.options().silence);
    if (bytes) {
      static_cast<void>(source.watch_bytes(*bytes, now()));
      if (!bytes->empty()) changed();
      continue;
    }
    auto const probe = source.probe();
    auto const [status, body] = co_await ask_etcd(probe);
    if (status != 200) source.failed("a probe got the status " + std::to_string(status), now());
  }
}

}  // namespace detail

/// Does what the source asks for, for ever: until the event loop ends or the coroutine is cancelled. `changed` is
/// called after each thing that came or failed. The source must outlive it. It needs exceptions.
inline boost::asio::awaitable<void> follow(etcd_source& source, std::function<void()> changed) {
  auto const now = [] { return time_point{std::chrono::steady_clock::now()}; };
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
  for (;;) {
    auto const task = source.next(now());
    std::string problem;
    try {
      if (task.what == etcd_task::kind::wait) {
        timer.expires_at(task.at);
        co_await timer.async_wait(boost::asio::use_awaitable);
        continue;
      }
      if (task.what == etcd_task::kind::range) {
        auto const [status, body] = co_await detail::ask_etcd(task);
        static_cast<void>(source.range_answer(status, body, now()));
      } else {
        co_await detail::watch_etcd(source, task, changed);
      }
    } catch (boost::system::system_error const& e) {
      problem = e.code().message();
    }
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    if (!problem.empty()) source.failed(std::move(problem), now());
    changed();
  }
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
