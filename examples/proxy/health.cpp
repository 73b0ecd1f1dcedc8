#include "health.hpp"

#include "duration.hpp"
#include "endpoint.hpp"
#include "headers.hpp"
#include "upstream.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace proxy {

using equipoise::health_flag;

void health::start() {
  if (all_.settings.checks.enabled) asio::co_spawn(control_, check_all(), asio::detached);
}

task<> health::check_all() {
  struct target {
    equipoise::backend_id who;
    std::string name;
    tcp::endpoint address;
  };
  asio::steady_timer time_point{control_};
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    std::vector<target> targets;
    all_.pool.for_each([&](equipoise::backend_id who, server const& s, auto const&...) {
      targets.push_back({who, s.name, s.address});
    });
    std::map<equipoise::backend_id, record> kept;  // those that left are forgotten
    for (auto const& t : targets) kept[t.who] = records_[t.who];
    records_ = std::move(kept);
    for (auto const& t : targets)
      if (!std::exchange(records_[t.who].running, true))
        asio::co_spawn(control_, check(t.who, t.name, t.address), asio::detached);
    next += all_.settings.checks.interval;
    time_point.expires_at(next);
    error_code ec;
    co_await time_point.async_wait(into(ec));
  }
}

task<> health::check(equipoise::backend_id who, std::string name, tcp::endpoint address) {
  beast::tcp_stream stream{control_};
  error_code ec;
  http::request<http::empty_body> request{http::verb::get, all_.settings.checks.path, 11};
  request.set(http::field::host, to_text(address));
  request.set(http::field::user_agent, "equipoise-proxy-check");
  request.keep_alive(false);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  stream.expires_after(all_.settings.checks.timeout);
  co_await stream.async_connect(address, into(ec));
  if (!ec) co_await http::async_write(stream, request, into(ec));
  if (!ec) co_await http::async_read(stream, buffer, response, into(ec));
  if (auto const it = records_.find(who); it != records_.end()) it->second.running = false;
  if (is_ours(ec)) co_return;  // nothing was learned about the backend
  bool const good = !ec && response.result_int() / 100 == 2;
  learned(who, name, good, ec ? ec.message() : "it answered " + std::to_string(response.result_int()));
}

void health::learned(equipoise::backend_id who, std::string const& name, bool good, std::string const& why) {
  auto const found = records_.find(who);
  if (found == records_.end()) return;  // it left meanwhile
  auto& [good_in_a_row, bad_in_a_row, running] = found->second;
  (good ? bad_in_a_row : good_in_a_row) = 0;
  ++(good ? good_in_a_row : bad_in_a_row);
  auto const flags = all_.pool.health(who);
  auto const has = [&](health_flag r) { return (flags & r) != health_flag::none; };
  if (bad_in_a_row >= all_.settings.checks.fall && !has(health_flag::down)) {
    all_.pool.set(who, health_flag::down);
    spdlog::warn("{} is down: {}", name, why);
  }
  if (good_in_a_row >= all_.settings.checks.rise && (has(health_flag::down) || has(health_flag::ejected))) {
    all_.pool.clear(who, health_flag::down | health_flag::ejected);
    spdlog::info("{} is up again", name);
  }
}

void health::failed(equipoise::backend_id who, std::string const& why) {
  auto const enough = all_.settings.passive.failures;
  auto const* seen = all_.pool.observed(who);
  if (enough == 0 || seen == nullptr || seen->consecutive_failures < enough) return;
  if ((all_.pool.health(who) & health_flag::ejected) != health_flag::none || too_many_ejected_with(who)) return;
  if (!all_.pool.set(who, health_flag::ejected)) return;  // counts at once, for every worker
  asio::post(control_, [this, who, why] {
    spdlog::warn("ejected for {}: {}", format_duration(all_.settings.passive.eject), why);
    if (auto const it = records_.find(who); it != records_.end()) it->second.good = 0;  // good checks count from here
    asio::co_spawn(control_, readmit_later(who, ejections_[who] = ++ejected_), asio::detached);
  });
}

bool health::too_many_ejected_with(equipoise::backend_id who) const {
  std::size_t members = 0, out = 0, others_up = 0;
  all_.pool.for_each([&](equipoise::backend_id id, server const&, equipoise::attributes const& a, health_flag why) {
    ++members;
    if ((why & health_flag::ejected) != health_flag::none) ++out;
    if (id != who && why == health_flag::none && a.weight != 0) ++others_up;
  });
  return 2 * (out + 1) > members || others_up == 0;
}

task<> health::readmit_later(equipoise::backend_id who, std::uint64_t ejection) {
  co_await sleep_for(all_.settings.passive.eject);
  if (ejections_[who] != ejection) co_return;
  ejections_.erase(who);
  if ((all_.pool.health(who) & health_flag::ejected) == health_flag::none) co_return;
  all_.pool.clear(who, health_flag::ejected);
  spdlog::info("{} may be tried again", equipoise::to_string(who));
}

}  // namespace proxy
