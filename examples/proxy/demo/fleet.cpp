// SPDX-License-Identifier: MIT
#include "fleet.hpp"

#include "../duration.hpp"

#include <fmt/format.h>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <stdexcept>

namespace demo {
namespace {

namespace http = beast::http;

// Sends one request on a new connection. Returns an empty string unless the answer is good.
task<std::string> fetch(tcp::endpoint from, std::string target, http::verb method = http::verb::get) {
  error_code ec;
  beast::tcp_stream stream{co_await asio::this_coro::executor};
  beast::flat_buffer buffer;
  http::request<http::empty_body> request{method, target, 11};
  request.set(http::field::host, "demo");
  request.keep_alive(false);
  http::response<http::string_body> answer;
  stream.expires_after(2s);
  co_await stream.async_connect(from, into(ec));
  if (!ec) co_await http::async_write(stream, request, into(ec));
  if (!ec) co_await http::async_read(stream, buffer, answer, into(ec));
  co_return !ec && answer.result_int() == 200 ? answer.body() : std::string{};
}

}  // namespace

fleet::fleet(settings const& options, fleet_plan plan) : options_{options}, plan_{std::move(plan)} {
  for (std::size_t i = 0; i != backend_count; ++i) {
    ports_[i] = free_port();
    start_backend(i);
  }
  for (std::size_t i = 0; i != backend_count; ++i)
    if (backends_[i].first_line(5s).empty())
      throw std::runtime_error{fmt::format("backend {} did not start", backends[i].name)};
  write_configuration();
  proxy_ = process{{options_.proxy, folder_.path("proxy.toml")}, folder_.path("proxy.log")};
  auto const line = proxy_.first_line(5s);
  auto const colon = line.rfind(':');
  if (colon == line.npos) throw std::runtime_error{"the proxy did not start:\n" + log_tail()};
  proxy_port_ = static_cast<unsigned short>(std::stoul(line.substr(colon + 1)));
}

void fleet::start_backend(std::size_t index) {
  backends_[index] = process{
      {options_.backend, "--name", std::string{backends[index].name}, "--listen",
       fmt::format("127.0.0.1:{}", ports_[index]), "--service", proxy::format_duration(plan_.members[index].service)},
      folder_.path("backends.log")};
}

void fleet::write_configuration() {
  std::ofstream file{folder_.path("proxy.toml")};
  file << fmt::format("listen = \"127.0.0.1:0\"\nworkers = {}\npolicy = \"{}\"\nseed = 1\n{}", options_.workers,
                      plan_.policy, plan_.settings);
  for (std::size_t i = 0; i != plan_.initial; ++i)
    file << fmt::format("[[backend]]\nname = \"{}\"\naddress = \"127.0.0.1:{}\"\nweight = {}\n", backends[i].name,
                        ports_[i], plan_.members[i].weight);
}

task<> fleet::set_service_time(std::size_t index, std::chrono::microseconds service) {
  co_await fetch(at(ports_[index]), "/control/service?time=" + proxy::format_duration(service), http::verb::put);
}

task<> fleet::set_errors(std::size_t index, double share, unsigned status) {
  auto const target = fmt::format("/control/errors?share={}&status={}", share, status);
  co_await fetch(at(ports_[index]), target, http::verb::put);
}

void fleet::set_weight(std::size_t index, std::uint32_t weight) {
  plan_.members[index].weight = weight;
  write_configuration();
  proxy_.signal(SIGHUP);
}

void fleet::add_backend() {
  plan_.initial = backend_count;
  write_configuration();
  proxy_.signal(SIGHUP);
}

task<int> fleet::wait_for_exit(std::size_t index) {
  auto const deadline = clock::now() + 3s;
  while (backends_[index].running() && clock::now() < deadline) co_await sleep_for(5ms);
  co_return backends_[index].exit_code().value_or(-1);
}

task<fleet::backend_states> fleet::query() {
  auto const text = co_await fetch(proxy_address(), "/-/stats");
  auto const stats = nlohmann::json::parse(text, nullptr, false);
  backend_states found;
  if (!stats.is_discarded())
    for (auto const& b : stats["backends"])
      for (std::size_t i = 0; i != backend_count; ++i)
        if (b["name"] == backends[i].name)
          found[i] = {b["last_pick_ns"], b["state"], b["picks"], b["failed"], b["in_flight"]};
  co_return found;
}

task<backend_state> fleet::query_backend(std::size_t index) {
  backend_states const all = co_await query();
  co_return all[index];
}

task<std::string> fleet::explain(std::string client) {
  auto const text = co_await fetch(proxy_address(), "/-/explain?client=" + client);
  auto const answer = nlohmann::json::parse(text, nullptr, false);
  co_return answer.is_object() ? answer.value("text", "") : "";
}

task<> fleet::wait_until_up() {
  auto const deadline = clock::now() + 5s;
  for (std::size_t i = 0; i != plan_.initial;) {
    backend_state const b = co_await query_backend(i);
    if (b.state == "up") {
      ++i;
    } else {
      if (clock::now() > deadline)
        throw std::runtime_error{fmt::format("backend {} is not up: {}", backends[i].name, b.state)};
      co_await sleep_for(10ms);
    }
  }
}

task<int> fleet::drain_proxy() {
  proxy_.signal(SIGTERM);
  auto const deadline = clock::now() + 3s;
  while (proxy_.running() && clock::now() < deadline) co_await sleep_for(5ms);
  co_return proxy_.exit_code().value_or(-1);
}

std::vector<std::string> fleet::log() const {
  std::ifstream file{folder_.path("proxy.log")};
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string fleet::log_tail() const {
  auto const lines = log();
  std::string text;
  for (std::size_t i = lines.size() - std::min<std::size_t>(lines.size(), 20); i != lines.size(); ++i)
    text += "  " + lines[i] + '\n';
  return text;
}

}  // namespace demo
