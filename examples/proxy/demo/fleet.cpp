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

// One request on a connection of its own; empty where there is no good answer.
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

stage::stage(settings const& how, std::string_view policy) : how_{how}, policy_{policy} {
  for (std::size_t i = 0; i != everybody; ++i) {
    ports_[i] = free_port();
    start_backend(i);
  }
  for (std::size_t i = 0; i != everybody; ++i)
    if (backends_[i].first_line(5s).empty())
      throw std::runtime_error{fmt::format("backend {} did not start", cast[i].name)};
  write_configuration(at_first);
  proxy_ = process{{how_.proxy, folder_.path("proxy.toml")}, folder_.path("proxy.log")};
  auto const line = proxy_.first_line(5s);
  auto const colon = line.rfind(':');
  if (colon == line.npos) throw std::runtime_error{"the proxy did not start:\n" + last_words()};
  proxy_port_ = static_cast<unsigned short>(std::stoul(line.substr(colon + 1)));
}

void stage::start_backend(std::size_t who) {
  backends_[who] =
      process{{how_.backend, "--name", std::string{cast[who].name}, "--listen",
               fmt::format("127.0.0.1:{}", ports_[who]), "--service", proxy::format_duration(cast[who].service)},
              folder_.path("backends.log")};
}

// Checks four times a second instead of every ten: a minute is to show what otherwise takes ten.
void stage::write_configuration(std::size_t members) {
  std::ofstream file{folder_.path("proxy.toml")};
  file << fmt::format(
      "listen = \"127.0.0.1:0\"\nworkers = {}\npolicy = \"{}\"\nseed = 1\n"
      "[checks]\ninterval = \"{}\"\ntimeout = \"2s\"\nrise = 1\nfall = 2\n"
      "[passive]\nfailures = 1\neject = \"2s\"\n[timeouts]\nlinger = \"100ms\"\n",
      how_.workers, policy_, proxy::format_duration(how_.check_interval));
  for (std::size_t i = 0; i != members; ++i)
    file << fmt::format("[[backend]]\nname = \"{}\"\naddress = \"127.0.0.1:{}\"\nweight = {}\n", cast[i].name,
                        ports_[i], cast[i].weight);
}

task<> stage::set_speed(std::size_t who, std::chrono::microseconds service) {
  co_await fetch(at(ports_[who]), "/control/service?time=" + proxy::format_duration(service), http::verb::put);
}

void stage::add_the_newcomer() {
  write_configuration(everybody);
  proxy_.signal(SIGHUP);
}

task<backend_state> stage::ask_about(std::size_t who) {
  auto const text = co_await fetch(address(), "/-/stats");
  auto const stats = nlohmann::json::parse(text, nullptr, false);
  backend_state found;
  if (!stats.is_discarded())
    for (auto const& b : stats["backends"])
      if (b["name"] == cast[who].name) found = {b["last_pick_ns"], b["state"]};
  co_return found;
}

task<std::string> stage::explain(std::string client) {
  auto const text = co_await fetch(address(), "/-/explain?client=" + client);
  auto const told = nlohmann::json::parse(text, nullptr, false);
  co_return told.is_object() ? told.value("text", "") : "";
}

task<> stage::until_all_up() {
  auto const patience = clock::now() + 5s;
  for (std::size_t i = 0; i != at_first;) {
    backend_state const b = co_await ask_about(i);
    if (b.state == "up") {
      ++i;
    } else {
      if (clock::now() > patience)
        throw std::runtime_error{fmt::format("backend {} is not up: {}", cast[i].name, b.state)};
      co_await sleep_for(10ms);
    }
  }
}

task<int> stage::drain() {
  proxy_.signal(SIGTERM);
  auto const patience = clock::now() + 3s;
  while (proxy_.running() && clock::now() < patience) co_await sleep_for(5ms);
  co_return proxy_.exit_code().value_or(-1);
}

std::string stage::last_words() const {
  std::ifstream file{folder_.path("proxy.log")};
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line); last.push_back(line))
    if (last.size() == 20) last.pop_front();
  std::string text;
  for (auto const& line : last) text += "  " + line + '\n';
  return text;
}

}  // namespace demo
