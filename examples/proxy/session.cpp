#include "session.hpp"

#include "admin.hpp"
#include "forward.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

namespace proxy {
namespace {

using request_parser = http::request_parser<http::string_body>;

// What is wrong with what the client sent, as a status; 0 where there is nobody left to tell. (Who was too slow is cut
// off without a word: Beast's time-outs close the socket.)
unsigned status_for(error_code ec) {
  if (ec == http::error::header_limit) return 431;
  if (ec == http::error::body_limit) return 413;
  bool const grammar = ec.category() == make_error_code(http::error::bad_method).category();
  return grammar && ec != http::error::end_of_stream && ec != http::error::partial_message ? 400 : 0;
}

// Waits for the first byte of the next request. False: there will be none.
task<bool> next_request(worker& at, client& c) {
  if (c.buffer.size() != 0) co_return true;
  if (at.closing) co_return false;
  error_code ec;
  c.idle = true;
  c.stream.expires_after(at.all.settings.timeouts.idle);
  std::size_t const n = co_await c.stream.async_read_some(c.buffer.prepare(4096), into(ec));
  c.buffer.commit(n);
  c.idle = false;
  co_return !ec;
}

task<error_code> read(worker& at, client& c, request_parser& parser) {
  error_code ec;
  parser.header_limit(at.all.settings.limits.header);
  parser.body_limit(at.all.settings.limits.request_body);
  c.stream.expires_after(at.all.settings.timeouts.request);
  co_await http::async_read_header(c.stream, c.buffer, parser, into(ec));
  if (ec) co_return ec;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(c.stream, asio::buffer(go_on), into(ec));
    if (ec) co_return ec;
    parser.get().erase(http::field::expect);
  }
  co_await http::async_read(c.stream, c.buffer, parser, into(ec));
  co_return ec;
}

// Lets the client read our last words: closing on unread bytes would make its system throw them away.
task<> say_goodbye(client& c) {
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
  error_code ec;
  auto const peer = socket.remote_endpoint(ec);
  if (ec) co_return;  // gone already
  socket.set_option(tcp::no_delay{true}, ec);
  client c{std::move(socket), peer};
  auto& counts = at.all.counts;
  struct listed {
    worker& at;
    client& c;
    listed(worker& w, client& who) : at{w}, c{who} { at.clients.insert(&c), ++at.all.counts.clients; }
    ~listed() { at.clients.erase(&c), --at.all.counts.clients; }
  } const in_list{at, c};

  for (bool more = true; more;) {
    if (!co_await next_request(at, c)) co_return;
    request_parser parser;
    ec = co_await read(at, c, parser);
    ++counts.requests;
    if (ec) {
      ++counts.broken;
      if (unsigned const status = status_for(ec)) co_await reply(at, c, status, ec.message() + '\n', {11, false});
      break;
    }
    client_request request = parser.release();
    client_side side{request.version() == 10 ? 10u : 11u, request.keep_alive()};
    if (at.all.draining) side.keep_alive = false;
    if (is_admin(at.all.settings, request))
      more = co_await administer(at, c, request, side);
    else
      more = co_await forward(at, c, request, side);
  }
  co_await say_goodbye(c);
}

}  // namespace proxy
