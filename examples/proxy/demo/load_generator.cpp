// SPDX-License-Identifier: MIT
#include "load_generator.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <netinet/in.h>

namespace demo {
namespace http = beast::http;

struct load_generator::connection {
  explicit connection(asio::io_context& io) : stream{io} {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
};

asio::ip::address_v4 client_address(std::uint32_t client) {
  // An odd multiplier permutes the numbers below 2^24, so each client has its own address. The last octet is never 0 or
  // 255.
  std::uint32_t const mixed = (client * 0x9E3779 + 0x2F0B4D) & 0xFFFFFF;
  return asio::ip::address_v4{0x7F000000u | (mixed & 0xFFFF00) | (1 + (mixed & 0xFF) % 254)};
}

load_generator::load_generator(asio::io_context& io, load_plan plan, std::function<void(sample const&)> done)
    : io_{io}, plan_{std::move(plan)}, done_{std::move(done)},
      request_{"GET " + plan_.path + " HTTP/1.1\r\nHost: demo\r\nUser-Agent: equipoise-load\r\n\r\n"} {
  for (std::uint32_t i = 0; i < plan_.clients; ++i) clients_.push_back({i, {}});
}

load_generator::~load_generator() = default;

task<std::unique_ptr<load_generator::connection>> load_generator::open(client& from, error_code& ec) {
  auto c = std::make_unique<connection>(io_);
  auto& socket = c->stream.socket();
  socket.open(tcp::v4(), ec);
#if defined(IP_BIND_ADDRESS_NO_PORT)
  int const on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
  if (!ec && plan_.target.address().is_loopback()) socket.bind({client_address(from.number), 0}, ec);
  if (ec) co_return nullptr;
  c->stream.expires_after(plan_.timeout);
  co_await c->stream.async_connect(plan_.target, into(ec));
  if (ec) co_return nullptr;
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  co_return c;
}

task<> load_generator::connect() {
  for (auto& from : clients_) {
    error_code ec;
    auto c = co_await open(from, ec);
    if (c) from.idle.push_back(std::move(c));
  }
}

void load_generator::disconnect() {
  for (auto& from : clients_) from.idle.clear();
}

task<> load_generator::run() {
  auto const interval = std::chrono::nanoseconds{static_cast<std::int64_t>(1e9 / plan_.rate)};
  asio::steady_timer timer{io_};
  auto due = clock::now();
  for (std::uint64_t i = 0; !stopping_;) {
    for (; due <= clock::now() && !stopping_; due += interval, ++i) {
      ++outstanding_;
      asio::co_spawn(io_, send(clients_[i % clients_.size()], due), asio::detached);
    }
    timer.expires_at(due);
    error_code ec;
    co_await timer.async_wait(into(ec));
  }
  while (outstanding_ != 0) co_await sleep_for(1ms);
}

task<> load_generator::send(client& from, clock::time_point due) {
  sample result{due, {}, from.number, {}, {}};
  error_code ec;
  std::unique_ptr<connection> c;
  if (from.idle.empty()) {
    c = co_await open(from, ec);
  } else {
    c = std::move(from.idle.back());
    from.idle.pop_back();
  }
  http::response<http::string_body> answer;
  if (c) {
    c->stream.expires_after(plan_.timeout);
    co_await asio::async_write(c->stream, asio::buffer(request_), into(ec));
    if (!ec) co_await http::async_read(c->stream, c->buffer, answer, into(ec));
  }
  result.latency = clock::now() - due;
  if (ec) {
    result.failure = ec.message();
  } else {
    auto const name = answer["X-Backend"];
    result.backend.assign(name.data(), name.size());
    if (answer.result_int() != 200)
      result.failure =
          "status " + std::to_string(answer.result_int()) + ": " + answer.body().substr(0, answer.body().find('\n'));
    if (answer.keep_alive()) from.idle.push_back(std::move(c));
  }
  --outstanding_;
  done_(result);
}

}  // namespace demo
