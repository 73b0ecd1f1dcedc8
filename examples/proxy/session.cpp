// SPDX-License-Identifier: MIT
#include "session.hpp"

#include "admin.hpp"
#include "background.hpp"
#include "endpoint.hpp"
#include "forward.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_prefix.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http.hpp>

#include <stdexcept>

namespace proxy {
namespace {

using request_parser = message_parser<true, http::string_body>;

constexpr unsigned most_empty_lines = 16;  // before a request

// The status for an error while reading a request, or 0 if the connection is gone. A client that was too slow gets no
// answer, because Beast closes the socket after a time-out.
unsigned status_for(error_code ec) {
  if (ec == http::error::header_limit) return 431;
  if (ec == http::error::body_limit) return 413;
  bool const grammar = ec.category() == make_error_code(http::error::bad_method).category();
  return grammar && ec != http::error::end_of_stream && ec != http::error::partial_message ? 400 : 0;
}

// Removes empty lines before a request line (RFC 9112, section 2.2). Returns false if nothing is left, or half a line.
bool skip_empty_lines(beast::flat_buffer& buffer, unsigned& skipped) {
  auto const text = [&] { return beast::buffers_to_string(beast::buffers_prefix(2, buffer.data())); };
  for (; skipped < most_empty_lines && text() == "\r\n"; ++skipped) buffer.consume(2);
  return buffer.size() != 0 && (skipped == most_empty_lines || text() != "\r");
}

// Waits for the first byte of the next request. Returns false if there will be none.
task<bool> next_request(worker& at, client& c) {
  unsigned skipped = 0;
  c.stream.expires_after(at.all.settings.timeouts.idle);
  while (!skip_empty_lines(c.buffer, skipped)) {
    if (at.closing) co_return false;
    error_code ec;
    c.idle = true;
    std::size_t n = co_await c.stream.async_read_some(c.buffer.prepare(4096), into(ec));
    c.idle = false;
    error_code none;
    if (ec == asio::error::operation_aborted &&
        c.stream.socket().available(none) != 0)  // it arrived just before the drain
      n = co_await c.stream.async_read_some(c.buffer.prepare(4096), into(ec));
    c.buffer.commit(n);
    if (ec) co_return false;
  }
  co_return true;
}

// How reading a request ended: with an error of the connection, or with a status that refuses the request.
struct read_result {
  error_code ec;
  unsigned status = 0;
  std::string_view error = {};
};

// Refuses a length or a host that the backend could understand in another way than the proxy.
read_result check_framing(request_parser const& parser) {
  auto const& header = parser.get();
  if (header.count(http::field::host) > 1 || (header.version() != 10 && header.count(http::field::host) == 0))
    return {{}, 400, "exactly one Host is required\n"};
  if (header.count(http::field::transfer_encoding) == 0) return {};
  if (header.version() == 10 || !parser.chunked()) return {{}, 400, "Transfer-Encoding does not end in chunked\n"};
  if (header.count(http::field::transfer_encoding) > 1 ||
      !beast::iequals(header[http::field::transfer_encoding], "chunked"))
    return {{}, 501, "the only supported transfer coding is chunked\n"};
  return {};
}

task<read_result> read_request(worker& at, client& c, request_parser& parser) {
  error_code ec;
  parser.header_limit(at.all.settings.limits.header);
  parser.body_limit(at.all.settings.limits.request_body);
  c.stream.expires_after(at.all.settings.timeouts.request);
  co_await http::async_read_header(c.stream, c.buffer, parser, into(ec));
  if (ec) co_return read_result{ec};
  if (auto const refused = check_framing(parser); refused.status) co_return refused;
  if (parser.get().version() != 10 && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(c.stream, asio::buffer(go_on), into(ec));
    if (ec) co_return read_result{ec};
    parser.get().erase(http::field::expect);
  }
  if (parser.is_done()) co_return read_result{};
  co_await http::async_read(c.stream, c.buffer, parser, into(ec));
  co_return read_result{ec};
}

// Reads one request and gets it answered. Returns false if the client's connection cannot be used again.
task<bool> serve_request(worker& at, client& c) {
  request_parser parser;
  auto const got = co_await read_request(at, c, parser);
  ++at.all.counts.requests;
  if (got.ec || got.status) {
    ++at.all.counts.broken;
    unsigned const status = got.status ? got.status : status_for(got.ec);
    std::string problem = got.ec ? got.ec.message() + '\n' : std::string{got.error};
    if (status) co_await reply(at, c, status, std::move(problem), {11, false});
    co_return false;
  }
  client_request request = parser.release();
  client_side side{request.version() == 10 ? 10u : 11u, request.keep_alive()};
  if (at.all.draining) side.keep_alive = false;
  if (request.method() != http::verb::connect && !to_origin_form(request)) {
    co_await reply(at, c, 400, "the target must be a path, or http://host/path\n", {11, false});
    co_return false;
  }
  if (is_admin(at.all.settings, request)) co_return co_await administer(at, c, request, side);
  co_return co_await forward(at, c, request, side);
}

// The same. An exception is logged and counted, and the client gets an answer if it has not got a part of one.
task<bool> serve_or_report(worker& at, client& c) {
  c.answer_started = false;
  unsigned status = 500;
  try {
    co_return co_await serve_request(at, c);
  } catch (std::length_error const& e) {  // a field that the proxy changes became longer than Beast's container takes
    report_error(at.all.counts, "request of " + c.address, e);
    status = 431;
  } catch (std::exception const& e) {
    report_error(at.all.counts, "request of " + c.address, e);
  }
  if (!c.answer_started)
    co_await reply(at, c, status, status == 431 ? "a header field is too long\n" : "an error in the proxy\n",
                   {11, false});
  co_return false;
}

// Lets the client read the last answer. If the proxy closed a socket with unread bytes, the client's system would
// discard that answer.
task<> close_gracefully(client& c) {
  error_code ec;
  c.stream.socket().shutdown(tcp::socket::shutdown_send, ec);
  c.stream.expires_after(1s);
  while (!ec) {
    c.buffer.clear();
    co_await c.stream.async_read_some(c.buffer.prepare(4096), into(ec));
  }
}

}  // namespace

task<> session(worker& at, tcp::socket socket) {
  struct count_guard {  // worker::adopt() has counted the client
    counters& counts;
    ~count_guard() { --counts.clients; }
  } const count{at.all.counts};
  error_code ec;
  auto peer = socket.remote_endpoint(ec);
  if (ec) co_return;  // the client has disconnected already
  peer.address(unmapped(peer.address()));
  socket.set_option(tcp::no_delay{true}, ec);
  client c{std::move(socket), peer, at.all.settings.limits.header};
  struct list_guard {
    worker& owner;
    client* entry;
    list_guard(worker& w, client& listed) : owner{w}, entry{&listed} { owner.clients.insert(entry); }
    ~list_guard() { owner.clients.erase(entry); }
  } const list{at, c};

  do {
    if (!co_await next_request(at, c)) co_return;
  } while (co_await serve_or_report(at, c));
  if (c.stream.socket().is_open()) co_await close_gracefully(c);
}

}  // namespace proxy
