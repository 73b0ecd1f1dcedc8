// SPDX-License-Identifier: MIT
#include "exchange.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <boost/none.hpp>

namespace proxy {

task<attempt_result> exchange::send(tcp::endpoint to) {
  to_ = to;
  bool const may_repeat = repeatable(request_.method());
  for (bool allow_reuse = may_repeat;; allow_reuse = false) {
    error_code ec;
    connection_ = allow_reuse ? connections_.take(to) : nullptr;
    if (!connection_) {
      connection_ = co_await connections_.open(to, settings_.timeouts.connect, ec);
      if (ec) {
        problem_ = "no connection: " + ec.message();
        co_return is_local(ec) ? attempt_result::not_tried : attempt_result::not_sent;
      }
    }
    bool const stale_possible = connection_->reused;
    ec = co_await attempt();
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
  auto& [stream, buffer, since, reused] = *connection_;
  answer_began_ = false;
  filled_ = 0;
  stream.expires_after(settings_.timeouts.response);
  co_await http::async_write(stream, request_, into(ec));
  if (ec == beast::error::timeout) co_return ec;
  // After another error the backend may still have answered without reading the whole request.
  error_code const unsent = ec;
  do {  // 100 Continue and 103 Early Hints are for the proxy only, the answer follows them
    parser_.emplace();
    parser_->header_limit(settings_.limits.header);
    parser_->body_limit(boost::none);
    parser_->skip(request_.method() == http::verb::head);
    co_await http::async_read_header(stream, buffer, *parser_, into(ec));
    answer_began_ = parser_->got_some();
    if (ec) co_return unsent ? unsent : ec;
  } while (status() / 100 == 1);
  if (status() < 100) co_return http::error::bad_status;
  // The proxy decodes only chunked. It refuses other codings, because the client would take the coded bytes for
  // content.
  if (auto const& header = parser_->get(); header.count(http::field::transfer_encoding) != 0)
    if (!parser_->chunked() || !beast::iequals(header[http::field::transfer_encoding], "chunked"))
      co_return http::error::bad_transfer_encoding;
  // The first piece is read before the client sees a byte of the answer. A small answer is read whole. If the backend
  // fails before that, another one can still be tried.
  if (!parser_->is_done()) ec = co_await read_piece();
  request_sent_ = !unsent;
  co_return ec;
}

bool exchange::small() const {
  auto const length = parser_->content_length();
  return length && *length <= piece_.size();
}

task<error_code> exchange::read_piece() {
  error_code ec;
  auto& body = parser_->get().body();
  filled_ = 0;
  bool const whole = small();
  while (!parser_->is_done() && filled_ < piece_.size() && (whole || filled_ == 0)) {
    body.data = piece_.data() + filled_;
    body.size = piece_.size() - filled_;
    std::size_t const room = body.size;
    connection_->stream.expires_after(settings_.timeouts.response);
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

task<bool> exchange::relay(beast::tcp_stream& client, client_side side) {
  auto out = outgoing(side);
  http::response_serializer<http::buffer_body> serializer{out};
  error_code ec;
  for (;;) {
    if (!parser_->is_done() && filled_ == 0)
      if (ec = co_await read_piece(); ec) {  // the client must see that its answer is incomplete
        broke_off_ = true;
        problem_ = ec.message();
        if (!out.chunked() && !parser_->content_length()) reset(client);
        co_return false;
      }
    if (parser_->is_done() && connection_) hand_back();
    out.body().data = filled_ ? piece_.data() : nullptr;
    out.body().size = filled_;
    out.body().more = !parser_->is_done();
    client.expires_after(settings_.timeouts.request);
    if (filled_ || !out.body().more) co_await http::async_write(client, serializer, into(ec));
    if (ec && ec != http::error::need_buffer) co_return false;
    if (!out.body().more) co_return side.keep_alive;
    filled_ = 0;
  }
}

void exchange::hand_back() {
  if (request_sent_ && parser_->keep_alive() && connection_->buffer.size() == 0)
    connections_.give(to_, std::move(connection_));
  connection_.reset();
}

void exchange::reset(beast::tcp_stream& client) {
  error_code ec;
  client.socket().set_option(asio::socket_base::linger{true, 0}, ec);
  client.socket().close(ec);
}

}  // namespace proxy
