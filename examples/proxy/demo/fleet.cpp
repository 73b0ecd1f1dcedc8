// SPDX-License-Identifier: MIT
#include "fleet.hpp"

#include "../duration.hpp"

#include <fmt/format.h>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <deque>
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

fleet::fleet(settings const& options, policy_setup const& policy) : options_{options}, policy_{policy} {
  for (std::size_t i = 0; i != backend_count; ++i) {
    ports_[i] = free_port();
    start_backend(i);
  }
  for (std::size_t i = 0; i != backend_count; ++i)
    if (backends_[i].first_line(5s).empty())
      throw std::runtime_error{fmt::format("backend {} did not start", backends[i].name)};
  write_configuration(initial_count);
  proxy_ = process{{options_.proxy, folder_.path("proxy.toml")}, folder_.path("proxy.log")};
  auto const line = proxy_.first_line(5s);
  auto const colon = line.rfind(':');
  if (colon == line.npos) throw std::runtime_error{"the proxy did not start:\n" + log_tail()};
  proxy_port_ = static_cast<unsigned short>(std::stoul(line.substr(colon + 1)));
}

void fleet::start_backend(std::size_t index) {
  backends_[index] = process{
      {options_.backend, "--name", std::string{backends[index].name}, "--listen",
       fmt::format("127.0.0.1:{}", ports_[index]), "--service", proxy::format_duration(backends[index].service)},
      folder_.path("backends.log")};
}

// Checks run four times per second instead of every ten seconds, so that the demo takes one minute instead of ten.
void fleet::write_configuration(std::size_t members) {
  std::ofstream file{folder_.path("proxy.toml")};
  file << fmt::format(
      "listen = \"127.0.0.1:0\"\nworkers = {}\npolicy = \"{}\"\nseed = 1\n"
      "[checks]\ninterval = \"{}\"\ntimeout = \"2s\"\nrise = 1\nfall = 2\n"
      "[passive]\nfailures = 1\neject = \"2s\"\n[timeouts]\nlinger = \"100ms\"\n",
      options_.workers, policy_.name, proxy::format_duration(options_.check_interval));
  for (std::size_t i = 0; i != members; ++i)
    file << fmt::format("[[backend]]\nname = \"{}\"\naddress = \"127.0.0.1:{}\"\nweight = {}\n", backends[i].name,
                        ports_[i], policy_.weighted ? backends[i].weight : 1);
}

task<> fleet::set_service_time(std::size_t index, std::chrono::microseconds service) {
  co_await fetch(at(ports_[index]), "/control/service?time=" + proxy::format_duration(service), http::verb::put);
}

void fleet::add_backend() {
  write_configuration(backend_count);
  proxy_.signal(SIGHUP);
}

task<backend_state> fleet::query_backend(std::size_t index) {
  auto const text = co_await fetch(proxy_address(), "/-/stats");
  auto const stats = nlohmann::json::parse(text, nullptr, false);
  backend_state found;
  if (!stats.is_discarded())
    for (auto const& b : stats["backends"])
      if (b["name"] == backends[index].name) found = {b["last_pick_ns"], b["state"]};
  co_return found;
}

task<std::string> fleet::explain(std::string client) {
  auto const text = co_await fetch(proxy_address(), "/-/explain?client=" + client);
  auto const answer = nlohmann::json::parse(text, nullptr, false);
  co_return answer.is_object() ? answer.value("text", "") : "";
}

task<> fleet::wait_until_up() {
  auto const deadline = clock::now() + 5s;
  for (std::size_t i = 0; i != initial_count;) {
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

std::string fleet::log_tail() const {
  std::ifstream file{folder_.path("proxy.log")};
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line); last.push_back(line))
    if (last.size() == 20) last.pop_front();
  std::string text;
  for (auto const& line : last) text += "  " + line + '\n';
  return text;
}

}  // namespace demo
