// One attempt to get one request answered by one backend, and the passing on of that answer.
#pragma once

#include "config.hpp"
#include "headers.hpp"
#include "upstream.hpp"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <optional>

namespace proxy {

using client_request = http::request<http::string_body>;

// How an attempt ended, from the point of view of "may it be tried elsewhere?"
enum class fate {
  answered,   // the answer's header is here, and its body too where that is small
  not_tried,  // we had no descriptor or no port left: says nothing about the backend
  not_sent,   // no connection: the backend has seen nothing
  lost,       // the connection broke after something may have been sent
  timed_out,  // the same, by the clock
};

// What the client's side of the answer looks like.
struct client_side {
  unsigned version;  // 10 or 11
  bool keep_alive;
};

class exchange {
 public:
  exchange(config const& settings, upstream_connections& connections, client_request& request)
      : settings_{settings}, connections_{connections}, request_{request} {}

  // Sends the request to `to`. A request that must not be sent twice gets a new connection: one kept alive may be
  // closed by the other side just now, and then nobody could say whether the request was seen. For the others a stale
  // connection is replaced by a new one without a word.
  task<fate> send(tcp::endpoint to);

  unsigned status() const { return parser_->get().result_int(); }
  // Why an attempt was not answered, or not to its end.
  std::string const& problem() const noexcept { return problem_; }

  // Streams the answer to the client. False: the client's connection cannot be used again.
  task<bool> relay(beast::tcp_stream& client, client_side side);

  // After relay(): the whole answer was read; if not, the backend broke off within it, or the client went away.
  bool complete() const { return parser_ && parser_->is_done(); }
  bool broke_off() const noexcept { return broke_off_; }

 private:
  task<error_code> once();  // write the request, read the answer's beginning
  task<error_code> fill();  // the next piece of the body
  bool small() const;       // the whole answer fits in one piece
  http::response<http::buffer_body> outgoing(client_side& side) const;
  void hand_back();                            // the connection, where it can be used again
  static void cut(beast::tcp_stream& client);  // so that the client cannot take this for the end of its answer

  config const& settings_;
  upstream_connections& connections_;
  client_request& request_;
  tcp::endpoint to_;
  upstream_connections::owned connection_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
  std::array<char, 16 * 1024> piece_;
  std::size_t filled_ = 0;
  bool whole_sent_ = false;          // the request
  bool sent_anything_back_ = false;  // by the backend
  bool broke_off_ = false;           // the same
  std::string problem_;
};

}  // namespace proxy
