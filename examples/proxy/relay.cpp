// SPDX-License-Identifier: MIT
// The second half of an exchange: the answer goes to the client, piece by piece.
#include "exchange.hpp"

#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

namespace proxy {

task<bool> exchange::relay(client_side side) {
  auto& stream = client_->stream;
  auto out = outgoing(side);
  http::response_serializer<http::buffer_body> serializer{out};
  error_code ec;
  client_->answer_started = true;
  if (filled_ == 0 && !parser_->is_done()) {  // the backend is quiet, the client gets the header now
    stream.expires_after(limits_.client);
    out.body().more = true;
    co_await http::async_write_header(stream, serializer, into(ec));
    if (ec) co_return false;
  }
  for (;;) {
    if (!parser_->is_done() && filled_ == 0)
      if (ec = co_await read_piece(false); ec) {  // the client must see that its answer is incomplete
        bool const quiet = ec == beast::error::timeout && !parser_->content_length();
        broke_off_ = !quiet && !given_up_;
        problem_ = ec.message();
        if (!out.chunked() && !parser_->content_length()) reset(stream);
        co_return false;
      }
    if (parser_->is_done() && connection_) hand_back();
    out.body().data = filled_ ? piece_.data() : nullptr;
    out.body().size = filled_;
    out.body().more = !parser_->is_done();
    stream.expires_after(limits_.client);
    if (filled_ || !out.body().more) co_await http::async_write(stream, serializer, into(ec));
    if (ec && ec != http::error::need_buffer) co_return false;
    if (!out.body().more) co_return side.keep_alive;
    filled_ = 0;
  }
}

void exchange::reset(beast::tcp_stream& client) {
  error_code ec;
  client.socket().set_option(asio::socket_base::linger{true, 0}, ec);
  client.socket().close(ec);
}

}  // namespace proxy
