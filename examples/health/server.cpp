// SPDX-License-Identifier: MIT
#include "server.hpp"

#include "endpoint.hpp"

#include <equipoise/with/health_page.hpp>

#include <spdlog/spdlog.h>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace health {
namespace {

namespace http = beast::http;
using request_parser = http::request_parser<http::string_body>;
using response = http::response<http::string_body>;

constexpr std::uint32_t longest_header = 8 * 1024, longest_body = 1024;

bool has_flag(std::string_view query, std::string_view flag) {
  while (!query.empty()) {
    auto const end = query.find('&');
    if (query.substr(0, end) == flag) return true;
    query = end == query.npos ? "" : query.substr(end + 1);
  }
  return false;
}

response answer(http::request<http::string_body> const& asked, equipoise::health_report const& report,
                bool may_see_details) {
  response out{http::status::ok, asked.version()};
  out.set(http::field::cache_control, "no-store");
  out.keep_alive(asked.keep_alive());
  auto const refuse = [&](http::status status, std::string text) {
    out.result(status);
    out.set(http::field::content_type, "text/plain");
    out.body() = std::move(text);
    return out;
  };
  std::string_view const target = asked.target();
  auto const path = target.substr(0, target.find('?'));
  auto const query = path.size() == target.size() ? "" : target.substr(path.size() + 1);
  if (path != "/health" && path != "/live") return refuse(http::status::not_found, "available: /health /live\n");
  if (asked.method() != http::verb::get && asked.method() != http::verb::head) {
    out.set(http::field::allow, "GET, HEAD");
    return refuse(http::status::method_not_allowed, "only GET and HEAD are allowed\n");
  }

  auto const now = std::chrono::steady_clock::now();
  auto const wall = std::chrono::system_clock::now();
  auto const state = path == "/live" ? report.liveness(now) : report.readiness(now);
  // A flag that is not allowed changes nothing: it must not turn the page red.
  bool const is_verbose = may_see_details && has_flag(query, "verbose");
  std::string_view const accepted = asked[http::field::accept];
  out.result(state.http_status());
  if (is_verbose || accepted.find(equipoise::health_json_type) != accepted.npos) {
    out.set(http::field::content_type, std::string{equipoise::health_json_type});
    out.body() = equipoise::health_json(
        state, wall, is_verbose ? equipoise::health_details::shown : equipoise::health_details::hidden);
  } else {
    out.set(http::field::content_type, "application/json");
    out.body() = equipoise::health_page(state, wall);
  }
  out.body() += '\n';
  return out;
}

task<> session(tcp::socket socket, equipoise::health_report const& report, details_for allowed) {
  error_code ec;
  auto const peer = socket.remote_endpoint(ec);
  if (ec) co_return;
  bool const may_see_details =
      allowed == details_for::any || (allowed == details_for::loopback && unmapped(peer.address()).is_loopback());
  beast::tcp_stream stream{std::move(socket)};
  beast::flat_buffer buffer{longest_header + longest_body};
  for (;;) {
    request_parser parser;
    parser.header_limit(longest_header);
    parser.body_limit(longest_body);
    stream.expires_after(30s);
    co_await http::async_read(stream, buffer, parser, into(ec));
    if (ec) break;
    response out = answer(parser.get(), report, may_see_details);
    out.prepare_payload();
    http::response_serializer<http::string_body> serializer{out};
    if (parser.get().method() == http::verb::head)
      co_await http::async_write_header(stream, serializer, into(ec));
    else
      co_await http::async_write(stream, serializer, into(ec));
    if (ec || !out.keep_alive()) break;
  }
  stream.socket().shutdown(tcp::socket::shutdown_send, ec);
}

}  // namespace

task<> serve(tcp::acceptor& acceptor, equipoise::health_report const& report, details_for allowed) {
  while (acceptor.is_open()) {
    error_code ec;
    auto socket = co_await acceptor.async_accept(into(ec));
    if (ec) {
      co_await sleep_for(10ms);  // no descriptor is free, or the acceptor was closed
      continue;
    }
    asio::co_spawn(acceptor.get_executor(), session(std::move(socket), report, allowed), [](std::exception_ptr thrown) {
      try {
        if (thrown) std::rethrow_exception(thrown);
      } catch (std::exception const& e) {
        spdlog::error("request: {}", e.what());
      }
    });
  }
}

}  // namespace health
