// A small real backend: an HTTP/1.1 server that takes its time and says who it is.
//
//   backend --name a --listen 127.0.0.1:9001 --service 4ms
//
//   GET /health                      200 at once, while it lives
//   PUT /control/service?time=40ms   from now on every request takes that long
//   GET /status/404                  that status, after the service time; a path with "chunked" in it: in chunks
//   anything else                    after its service time: its name, the method, the path and what came with it
//
// Each answer carries X-Backend, so that a client knows who answered without trusting the proxy between them.
// The service time is a timer and not a loop: twenty slow requests at once cost no processor.
#include "duration.hpp"
#include "net.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <string>

namespace http = boost::beast::http;
using namespace proxy;

struct behaviour {
  std::string name = "backend";
  std::chrono::nanoseconds service = 0ms;
};

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

response answer(behaviour& self, request const& asked) {
  response out{http::status::ok, 11};
  out.set("X-Backend", self.name);
  out.set(http::field::content_type, "text/plain");
  std::string const target{asked.target()};
  constexpr std::string_view control = "/control/service?time=";
  if (target == "/health") {
    out.body() = "ok\n";
  } else if (target.starts_with(control)) {
    if (auto time = parse_duration(target.substr(control.size()))) {
      self.service = *time;
      out.body() = fmt::format("service time is now {}\n", format_duration(*time));
    } else {
      out.result(http::status::bad_request);
      out.body() = fmt::format("time: \"{}\" is not a duration such as 40ms\n", target.substr(control.size()));
    }
  } else {
    auto header = [&](std::string_view name) {
      auto const value = asked[beast::string_view{name.data(), name.size()}];
      return std::string{value.data(), value.size()};
    };
    constexpr std::string_view status = "/status/";
    unsigned code = 200;
    if (target.starts_with(status)) std::from_chars(target.data() + status.size(), target.data() + target.size(), code);
    out.result(code >= 200 && code <= 599 ? code : 400);
    out.body() = fmt::format("{} {} {}\nX-Forwarded-For: {}\nHost: {}\nbody: {} bytes\n", self.name,
                             std::string{asked.method_string()}, target, header("X-Forwarded-For"), header("Host"),
                             asked.body().size());
  }
  return out;
}

task<> serve(behaviour& self, beast::tcp_stream stream) {
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

task<> accept(behaviour& self, tcp::acceptor& acceptor) {
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
  behaviour self;
  std::string listen = "127.0.0.1:0", service = "0ms";
  app.add_option("--name", self.name, "what it calls itself in X-Backend");
  app.add_option("--listen", listen, "address:port; port 0 takes a free one");
  app.add_option("--service", service, "how long each request takes, such as 4ms");
  CLI11_PARSE(app, argc, argv);

  auto const time = parse_duration(service);
  if (!time) {
    fmt::print(stderr, "--service: \"{}\" is not a duration such as 4ms\n", service);
    return 2;
  }
  self.service = *time;
  auto const colon = listen.rfind(':');
  error_code ec;
  auto const address = asio::ip::make_address(listen.substr(0, colon), ec);
  unsigned port = 65536;
  if (colon != listen.npos) std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), port);
  if (ec || port > 65535) {
    fmt::print(stderr, "--listen: \"{}\" is not address:port\n", listen);
    return 2;
  }
  try {
    asio::io_context io{1};
    tcp::acceptor acceptor{io, {address, static_cast<unsigned short>(port)}};
    asio::co_spawn(io, accept(self, acceptor), asio::detached);
    asio::signal_set stop{io, SIGTERM, SIGINT};
    stop.async_wait([&](error_code, int) { io.stop(); });
    fmt::print("{} listens on 127.0.0.1:{}\n", self.name, acceptor.local_endpoint().port());
    std::fflush(stdout);
    io.run();
  } catch (std::exception const& e) {
    fmt::print(stderr, "{}: {}: {}\n", self.name, listen, e.what());
    return 1;
  }
}
