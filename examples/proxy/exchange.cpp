// SPDX-License-Identifier: MIT
#include "exchange.hpp"

#include "alarm.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <boost/none.hpp>

namespace proxy {

exchange_limits limits_for_requests(config const& settings) {
  auto const& t = settings.timeouts;
  return {t.connect, t.response, settings.retry.hold, t.stream, t.request, settings.limits.header};
}

exchange_limits limits_for_checks(config const& settings) {
  auto const t = settings.checks.timeout;
  return {t, t, 0ns, t, t, settings.limits.header};  // the status is enough
}

namespace {
bool is_event_stream(beast::string_view type) {
  return beast::iequals(type.substr(0, type.find_first_of("; \t")), "text/event-stream");
}
}  // namespace

void exchange::give_up() {
  given_up_ = true;
  if (connection_) connection_->stream.cancel();
}

task<attempt_result> exchange::send(tcp::endpoint to) {
  to_ = to;
  bool const may_repeat = repeatable(request_.method());
  for (bool allow_reuse = may_repeat;; allow_reuse = false) {
    if (given_up_) co_return attempt_result::given_up;
    error_code ec;
    connection_ = allow_reuse ? connections_.take(to) : nullptr;
    if (!connection_) {
      connection_ = std::make_unique<upstream_connection>(co_await asio::this_coro::executor);
      co_await connections_.open(*connection_, to, limits_.connect, ec);
      if (given_up_) co_return attempt_result::given_up;
      if (ec) {
        problem_ = "no connection: " + ec.message();
        co_return is_local(ec) ? attempt_result::not_tried : attempt_result::not_sent;
      }
    }
    bool const stale_possible = connection_->reused;
    ec = co_await attempt();
    if (given_up_) co_return attempt_result::given_up;
    if (!ec) co_return attempt_result::answered;
    problem_ = ec.message();
    connection_.reset();
    if (ec == beast::error::timeout) co_return attempt_result::timed_out;
    if (stale_possible && !answer_began_) continue;
    co_return attempt_result::lost;
  }
}

task<error_code> exchange::attempt() {
  error_code ec;
  answer_began_ = false;
  filled_ = 0;
  connection_->stream.expires_after(limits_.response);
  co_await http::async_write(connection_->stream, request_, into(ec));
  if (ec == beast::error::timeout) co_return ec;
  // After another error the backend may still have answered without reading the whole request.
  error_code const unsent = ec;
  if (ec = co_await read_header(); ec) co_return unsent ? unsent : ec;
  if (ec = check_coding(); ec) co_return ec;
  ec = co_await read_beginning();
  request_sent_ = !unsent;
  co_return ec;
}

task<error_code> exchange::read_header() {
  for (;;) {
    if (given_up_) co_return asio::error::operation_aborted;
    error_code ec;
    parser_.emplace();
    parser_->header_limit(limits_.header);
    parser_->body_limit(boost::none);
    parser_->skip(request_.method() == http::verb::head);
    co_await http::async_read_header(connection_->stream, connection_->buffer, *parser_, into(ec));
    answer_began_ = parser_->got_some();
    if (ec) co_return ec;
    if (status() < 100 || status() == 101) co_return http::error::bad_status;  // no upgrade was asked for
    if (status() / 100 != 1) co_return ec;
    if (ec = co_await pass_interim(); ec) co_return ec;
    connection_->stream.expires_after(limits_.response);  // the backend is still at work
  }
}

// RFC 9110, section 15.2: a proxy forwards interim answers. 100 Continue is left out, because the proxy itself has
// answered the client's Expect. HTTP/1.0 knows no interim answers.
task<error_code> exchange::pass_interim() {
  error_code ec;
  if (!client_ || client_version_ == 10 || status() == 100) co_return ec;
  http::response<http::empty_body> out;
  out.base() = parser_->get().base();
  remove_hop_by_hop(out);
  out.erase(http::field::content_length);  // an interim answer has no body
  out.version(11);
  client_->stream.expires_after(limits_.client);
  co_await http::async_write(client_->stream, out, into(ec));
  if (ec) given_up_ = true;  // the client has disconnected
  co_return ec;
}

// The proxy decodes only chunked. It refuses other codings, because the client would take the coded bytes for content.
error_code exchange::check_coding() const {
  auto const& header = parser_->get();
  if (header.count(http::field::transfer_encoding) == 0) return {};
  if (parser_->chunked() && beast::iequals(header[http::field::transfer_encoding], "chunked")) return {};
  return http::error::bad_transfer_encoding;
}

// For a moment the answer is held back. If the backend fails in that time, another one can still be asked. A small
// answer is read whole, of other answers the first piece. An event stream may be quiet for long, so it is not held.
task<error_code> exchange::read_beginning() {
  if (parser_->is_done() || is_event_stream(parser_->get()[http::field::content_type])) co_return error_code{};
  hold_over_ = false;
  alarm const hold{connection_->stream.get_executor(), limits_.hold, [this] {
                     hold_over_ = true;
                     connection_->stream.cancel();
                   }};
  auto const ec = co_await read_piece(true);
  co_return hold_over_&& ec == asio::error::operation_aborted ? error_code{} : ec;
}

bool exchange::small() const {
  auto const length = parser_->content_length();
  return length && *length <= piece_.size();
}

task<error_code> exchange::read_piece(bool beginning) {
  error_code ec;
  auto& body = parser_->get().body();
  filled_ = 0;
  bool const whole = beginning && small();
  while (!parser_->is_done() && filled_ < piece_.size() && (whole || filled_ == 0) && !(beginning && hold_over_)) {
    if (given_up_) co_return asio::error::operation_aborted;
    body.data = piece_.data() + filled_;
    body.size = piece_.size() - filled_;
    std::size_t const room = body.size;
    connection_->stream.expires_after(parser_->content_length() ? limits_.response : limits_.stream);
    co_await http::async_read_some(connection_->stream, connection_->buffer, *parser_, into(ec));
    filled_ += room - body.size;
    if (ec == http::error::need_buffer) ec = {};
    if (ec) break;
  }
  co_return ec;
}

http::response<http::buffer_body> exchange::outgoing(client_side& side) const {
  auto const& incoming = parser_->get();
  http::response<http::buffer_body> out;
  out.base() = incoming.base();
  remove_hop_by_hop(out);
  out.version(side.version);
  out.insert(http::field::via, "1.1 equipoise");
  out.content_length(parser_->content_length());  // once, even if the backend sent it twice
  bool const has_body = request_.method() != http::verb::head && status() != 204 && status() != 304;
  if (has_body && !parser_->content_length()) {
    if (side.version == 11)
      out.chunked(true);
    else
      side.keep_alive = false;  // in HTTP/1.0 the body ends with the connection
  }
  if (status() == 204) out.erase(http::field::content_length);  // some backends send one, although 204 has no body
  out.keep_alive(side.keep_alive);
  return out;
}

void exchange::hand_back() {
  if (request_sent_ && parser_->keep_alive() && connection_->buffer.size() == 0)
    connections_.give(to_, std::move(connection_));
  connection_.reset();
}

}  // namespace proxy
