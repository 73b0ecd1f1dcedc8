// SPDX-License-Identifier: MIT
// One attempt to get an answer from one backend, and the relay of that answer to the client. Requests of clients and
// health checks use the same code.
#pragma once

#include "client.hpp"
#include "config.hpp"
#include "headers.hpp"
#include "message_parser.hpp"
#include "upstream.hpp"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <optional>

namespace proxy {

using client_request = http::request<http::string_body>;

// How an attempt ended. The result decides whether another backend may be tried.
enum class attempt_result {
  answered,   // the header of the answer was read, and its body too if that is small and arrives at once
  not_tried,  // the proxy had no descriptor or port left, which says nothing about the backend
  not_sent,   // there was no connection, so the backend has received nothing
  lost,       // the connection broke after something may have been sent
  timed_out,  // the time ran out after something may have been sent
  given_up,   // give_up() was called, which says nothing about the backend
};

// The HTTP version that the client speaks, and whether its connection stays open.
struct client_side {
  unsigned version;  // 10 or 11
  bool keep_alive;
};

// How long an exchange waits for what, and how long a header may be.
struct exchange_limits {
  std::chrono::nanoseconds connect, response, hold, stream, client;
  std::uint32_t header;
};
exchange_limits limits_for_requests(config const& settings);
exchange_limits limits_for_checks(config const& settings);

class exchange {
 public:
  // `to` receives interim answers such as 103 Early Hints. Without a client they are dropped.
  exchange(exchange_limits const& limits, upstream_connections& connections, client_request& request,
           client* to = nullptr, unsigned client_version = 11)
      : limits_{limits}, connections_{connections}, request_{request}, client_{to}, client_version_{client_version} {}

  // Sends the request to `to`. A request that must not be sent twice gets a new connection, because the backend may be
  // closing an idle one at this moment. Then the proxy could not tell whether the backend received the request.
  // For other requests a new connection replaces a stale one.
  task<attempt_result> send(tcp::endpoint to);

  // Ends send() or relay() at once. Call it from a handler of the same event loop.
  void give_up();

  unsigned status() const { return parser_->get().result_int(); }
  // Says why there was no answer, or no complete one.
  std::string const& problem() const noexcept { return problem_; }

  // Streams the answer to the client. Returns false if the client's connection cannot be used again.
  task<bool> relay(client_side side);

  // After relay(): true if the whole answer was read. Otherwise the backend broke off, or the client disconnected, or
  // an answer without a length was quiet for too long.
  bool complete() const { return parser_ && parser_->is_done(); }
  bool broke_off() const noexcept { return broke_off_; }

 private:
  task<error_code> attempt();         // writes the request and reads the beginning of the answer
  task<error_code> read_header();     // reads interim answers and the header
  task<error_code> pass_interim();    // sends an interim answer to the client
  error_code check_coding() const;    // refuses transfer codings other than chunked
  task<error_code> read_beginning();  // reads what arrives while the answer may be held back
  task<error_code> read_piece(bool beginning);
  bool small() const;  // true if the whole answer fits in one piece
  http::response<http::buffer_body> outgoing(client_side& side) const;
  void hand_back();                              // keeps the connection for later requests if that is possible
  static void reset(beast::tcp_stream& client);  // a reset, so that the client does not see a normal end of its answer

  exchange_limits const limits_;
  upstream_connections& connections_;
  client_request& request_;
  client* client_;
  unsigned client_version_;
  tcp::endpoint to_;
  upstream_connections::owned connection_;
  std::optional<message_parser<false, http::buffer_body>> parser_;
  std::array<char, 16 * 1024> piece_;
  std::size_t filled_ = 0;
  bool request_sent_ = false;  // completely
  bool answer_began_ = false;  // at least one byte of it was read
  bool hold_over_ = false;     // the answer is not held back any longer
  bool given_up_ = false;
  bool broke_off_ = false;  // the backend ended within its answer
  std::string problem_;
};

}  // namespace proxy
