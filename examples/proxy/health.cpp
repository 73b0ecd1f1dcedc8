// SPDX-License-Identifier: MIT
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
    equipoise::backend_id id;
    std::string name;
    tcp::endpoint address;
  };
  asio::steady_timer timer{control_};
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    std::vector<target> targets;
    all_.pool.for_each([&](equipoise::backend_id id, server const& s, auto const&...) {
      targets.push_back({id, s.name, s.address});
    });
    std::map<equipoise::backend_id, record> kept;  // without the records of removed backends
    for (auto const& t : targets) kept[t.id] = records_[t.id];
    records_ = std::move(kept);
    for (auto const& t : targets)
      if (!std::exchange(records_[t.id].running, true))
        asio::co_spawn(control_, check(t.id, t.name, t.address), asio::detached);
    next += all_.settings.checks.interval;
    timer.expires_at(next);
    error_code ec;
    co_await timer.async_wait(into(ec));
  }
}

task<> health::check(equipoise::backend_id id, std::string name, tcp::endpoint address) {
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
  if (auto const it = records_.find(id); it != records_.end()) it->second.running = false;
  if (is_local(ec)) co_return;  // the check says nothing about the backend
  bool const good = !ec && response.result_int() / 100 == 2;
  record_check(id, name, good, ec ? ec.message() : "it answered " + std::to_string(response.result_int()));
}

void health::record_check(equipoise::backend_id id, std::string const& name, bool good, std::string const& result) {
  auto const found = records_.find(id);
  if (found == records_.end()) return;  // the backend was removed in the meantime
  auto& [good_in_a_row, bad_in_a_row, running] = found->second;
  (good ? bad_in_a_row : good_in_a_row) = 0;
  ++(good ? good_in_a_row : bad_in_a_row);
  auto const flags = all_.pool.health(id);
  auto const has = [&](health_flag r) { return (flags & r) != health_flag::none; };
  if (bad_in_a_row >= all_.settings.checks.fall && !has(health_flag::down)) {
    all_.pool.set(id, health_flag::down);
    spdlog::warn("{} is down: {}", name, result);
  }
  if (good_in_a_row >= all_.settings.checks.rise && (has(health_flag::down) || has(health_flag::ejected))) {
    all_.pool.clear(id, health_flag::down | health_flag::ejected);
    spdlog::info("{} is up again", name);
  }
}

void health::failed(equipoise::backend_id id, std::string const& problem) {
  auto const limit = all_.settings.passive.failures;
  auto const* observed = all_.pool.observed(id);
  if (limit == 0 || observed == nullptr || observed->consecutive_failures < limit) return;
  if ((all_.pool.health(id) & health_flag::ejected) != health_flag::none || too_many_ejected_with(id)) return;
  if (!all_.pool.set(id, health_flag::ejected)) return;  // takes effect at once for every worker
  asio::post(control_, [this, id, problem] {
    spdlog::warn("ejected for {}: {}", format_duration(all_.settings.passive.eject), problem);
    // Only good checks after the ejection count.
    if (auto const it = records_.find(id); it != records_.end()) it->second.good = 0;
    asio::co_spawn(control_, readmit_later(id, ejections_[id] = ++ejected_), asio::detached);
  });
}

bool health::too_many_ejected_with(equipoise::backend_id id) const {
  std::size_t members = 0, ejected = 0, others_up = 0;
  all_.pool.for_each([&](equipoise::backend_id member, server const&, equipoise::attributes const& a, health_flag f) {
    ++members;
    if ((f & health_flag::ejected) != health_flag::none) ++ejected;
    if (member != id && f == health_flag::none && a.weight != 0) ++others_up;
  });
  return 2 * (ejected + 1) > members || others_up == 0;
}

task<> health::readmit_later(equipoise::backend_id id, std::uint64_t ejection) {
  co_await sleep_for(all_.settings.passive.eject);
  if (ejections_[id] != ejection) co_return;
  ejections_.erase(id);
  if ((all_.pool.health(id) & health_flag::ejected) == health_flag::none) co_return;
  all_.pool.clear(id, health_flag::ejected);
  spdlog::info("{} may be tried again", equipoise::to_string(id));
}

}  // namespace proxy
