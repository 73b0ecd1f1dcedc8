// SPDX-License-Identifier: MIT
// A small HTTP/1.1 server with a service time. It names itself in each answer.
//
//   backend --name a --listen 127.0.0.1:9001 --service 4ms
//
//   GET /health                      answers 200 at once
//   PUT /control/service?time=40ms   changes the service time of later requests
//   PUT /control/errors?share=0.5&status=503
//                                    later requests fail: that share of them, 0 … 1, with that status (default 500)
//   GET /status/404                  answers with that status after the service time
//   anything else                    answers after the service time with its name, the method, the path and some
//   headers
//
// If the path contains "chunked", the answer is sent in chunks. Each answer has an X-Backend field, so that a client
// knows the backend without trusting the proxy. The service time is a timer, so slow requests use no processor time.
#include "duration.hpp"
#include "endpoint.hpp"
#include "net.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace http = boost::beast::http;
using namespace proxy;

struct backend {
  std::string name = "backend";
  std::chrono::nanoseconds service = 0ms;
  double failing = 0;  // the share of requests that get error_status
  unsigned error_status = 500;
  double owed = 0;  // errors that are due; from 1 on the next request is one
};

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

// Reads "0.5" or "0.5&status=503". Returns an error text, or an empty one.
std::string set_errors(backend& self, std::string_view text) {
  constexpr std::string_view status_name = "&status=";
  auto const end = text.find('&');
  std::string const share_text{text.substr(0, end)};
  char* share_end = nullptr;
  double const share = std::strtod(share_text.c_str(), &share_end);  // libc++ has no from_chars for double
  unsigned status = 500;
  if (share_text.empty() || *share_end != '\0' || !(share >= 0 && share <= 1))
    return fmt::format("share: \"{}\" is not a number within 0 … 1\n", share_text);
  if (end != text.npos) {
    auto const rest = text.substr(end);
    auto const digits = rest.starts_with(status_name) ? rest.substr(status_name.size()) : std::string_view{};
    auto const last = digits.data() + digits.size();
    if (auto const [p, ec] = std::from_chars(digits.data(), last, status);
        ec != std::errc{} || p != last || status < 400 || status > 599)
      return fmt::format("status: \"{}\" is not within 400 … 599\n", rest);
  }
  self.failing = share, self.error_status = status, self.owed = 0;
  return {};
}

response answer(backend& self, request const& asked) {
  response out{http::status::ok, 11};
  out.set("X-Backend", self.name);
  out.set(http::field::content_type, "text/plain");
  std::string const target{asked.target()};
  constexpr std::string_view control_path = "/control/service?time=", errors_path = "/control/errors?share=";
  if (target == "/health") {
    out.body() = "ok\n";
  } else if (target.starts_with(control_path)) {
    if (auto time = parse_duration(target.substr(control_path.size()))) {
      self.service = *time;
      out.body() = fmt::format("service time is now {}\n", format_duration(*time));
    } else {
      out.result(http::status::bad_request);
      out.body() = fmt::format("time: \"{}\" is not a duration such as 40ms\n", target.substr(control_path.size()));
    }
  } else if (target.starts_with(errors_path)) {
    out.body() = set_errors(self, std::string_view{target}.substr(errors_path.size()));
    if (!out.body().empty()) out.result(http::status::bad_request);
  } else if (self.owed += self.failing; self.owed >= 1) {
    --self.owed;
    out.result(self.error_status);
    out.body() = self.name + " fails as it was told\n";
  } else {
    auto header = [&](std::string_view name) { return std::string{asked[name]}; };
    constexpr std::string_view status_path = "/status/";
    unsigned code = 200;
    if (target.starts_with(status_path))
      std::from_chars(target.data() + status_path.size(), target.data() + target.size(), code);
    out.result(code >= 200 && code <= 599 ? code : 400);
    out.body() = fmt::format("{} {} {}\nX-Forwarded-For: {}\nHost: {}\nbody: {} bytes\n", self.name,
                             std::string{asked.method_string()}, target, header("X-Forwarded-For"), header("Host"),
                             asked.body().size());
  }
  return out;
}

task<> serve(backend& self, beast::tcp_stream stream) {
  beast::flat_buffer buffer;
  error_code ec;
  for (;;) {
    request asked;
    stream.expires_after(60s);
    co_await http::async_read(stream, buffer, asked, into(ec));
    if (ec) break;
    response out = answer(self, asked);
    bool const instant = asked.target() == "/health" || asked.target().starts_with("/control/");
    if (!instant && self.service > 0ms) co_await sleep_for(self.service);
    out.keep_alive(asked.keep_alive());
    out.chunked(asked.target().find("chunked") != beast::string_view::npos);
    if (!out.chunked()) out.prepare_payload();
    if (asked.method() == http::verb::head) {
      http::response_serializer<http::string_body> header{out};
      co_await http::async_write_header(stream, header, into(ec));
    } else {
      co_await http::async_write(stream, out, into(ec));
    }
    if (ec || !asked.keep_alive()) break;
  }
  stream.socket().shutdown(tcp::socket::shutdown_both, ec);
}

task<> accept(backend& self, tcp::acceptor& acceptor) {
  for (;;) {
    error_code ec;
    tcp::socket socket = co_await acceptor.async_accept(into(ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {
      co_await sleep_for(10ms);
      continue;
    }
    socket.set_option(tcp::no_delay{true}, ec);
    asio::co_spawn(acceptor.get_executor(), serve(self, beast::tcp_stream{std::move(socket)}), asio::detached);
  }
}

int main(int argc, char** argv) {
  CLI::App app{"A small HTTP/1.1 backend with a service time"};
  backend self;
  std::string listen = "127.0.0.1:0", service = "0ms";
  app.add_option("--name", self.name, "its name in X-Backend");
  app.add_option("--listen", listen, "address:port; port 0 selects a free port");
  app.add_option("--service", service, "how long each request takes, such as 4ms");
  CLI11_PARSE(app, argc, argv);

  auto const time = parse_duration(service);
  if (!time) {
    fmt::print(stderr, "--service: \"{}\" is not a duration such as 4ms\n", service);
    return 2;
  }
  self.service = *time;
  auto const at = parse_endpoint(listen);
  if (!at) {
    fmt::print(stderr, "--listen: \"{}\" is not address:port\n", listen);
    return 2;
  }
  try {
    asio::io_context io{1};
    tcp::acceptor acceptor{io, *at};
    asio::co_spawn(io, accept(self, acceptor), asio::detached);
    asio::signal_set stop{io, SIGTERM, SIGINT};
    stop.async_wait([&](error_code, int) { io.stop(); });
    fmt::print("{} is listening on {}\n", self.name, to_text(acceptor.local_endpoint()));
    std::fflush(stdout);
    io.run();
  } catch (std::exception const& e) {
    fmt::print(stderr, "{}: {}: {}\n", self.name, listen, e.what());
    return 1;
  }
}
