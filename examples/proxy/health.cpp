// SPDX-License-Identifier: MIT
#include "health.hpp"

#include "alarm.hpp"
#include "background.hpp"
#include "duration.hpp"
#include "endpoint.hpp"
#include "exchange.hpp"

#include <spdlog/spdlog.h>

namespace proxy {

using equipoise::health_flag;

void health::start() {
  if (all_.settings.passive.failures != 0)
    start_task(control_, all_.counts, "end of ejections",
               repeat(all_.counts, "end of ejections", [this] { return end_ejections(); }));
  if (!all_.settings.checks.enabled) return;
  next_ = std::chrono::steady_clock::now();
  start_task(control_, all_.counts, "health checks",
             repeat(all_.counts, "health checks", [this] { return check_when_due(); }));
}

task<bool> health::check_when_due() {
  damping_.advance();
  auto const due = std::chrono::steady_clock::now() >= next_;
  if (due) next_ += all_.settings.checks.interval;
  start_checks(due);
  timer_.expires_at(next_);
  error_code ec;  // await_first_check() ends the wait early
  co_await timer_.async_wait(into(ec));
  co_return true;
}

// Checks all backends, or only those that wait for their first check.
void health::start_checks(bool all) {
  struct target {
    equipoise::backend_id id;
    std::string name;
    tcp::endpoint address;
  };
  std::vector<target> targets;
  all_.pool.for_each([&](equipoise::backend_id id, server const& s, auto const&...) {
    targets.push_back({id, s.name, s.address});
  });
  std::map<equipoise::backend_id, record> kept;  // without the records of removed backends
  for (auto const& t : targets) kept[t.id] = records_[t.id];
  records_ = std::move(kept);
  for (auto const& t : targets)
    if (auto& r = records_[t.id]; (all || r.awaits_first) && !std::exchange(*r.running, true))
      start_task(control_, all_.counts, "health check", check(t.id, t.name, t.address));
}

void health::await_first_check(equipoise::backend_id id) {
  records_[id].awaits_first = true;
  all_.pool.set(id, health_flag::down);
  timer_.cancel();
}

task<> health::check(equipoise::backend_id id, std::string name, tcp::endpoint address) {
  struct end_guard {  // owns its flag, because the event loop may destroy a check after this object
    std::shared_ptr<bool> running;
    ~end_guard() { *running = false; }
  } const at_end{records_[id].running};
  auto const& settings = all_.settings;
  client_request request{http::verb::get, settings.checks.path, 11};
  request.set(http::field::host, to_text(address));
  request.set(http::field::user_agent, "equipoise-proxy-check");
  request.keep_alive(false);
  exchange with{limits_for_checks(settings), connections_, request};
  alarm const deadline{control_.get_executor(), settings.checks.timeout, [&with] { with.give_up(); }};
  auto const result = co_await with.send(address);
  if (result == attempt_result::not_tried) co_return;  // the check says nothing about the backend
  if (result == attempt_result::given_up)
    record_check(id, name, false, "no answer within " + format_duration(settings.checks.timeout));
  else if (result != attempt_result::answered)
    record_check(id, name, false, with.problem());
  else
    record_check(id, name, with.status() / 100 == 2, "it answered " + std::to_string(with.status()));
}

void health::record_check(equipoise::backend_id id, std::string const& name, bool good, std::string const& result) {
  auto const found = records_.find(id);
  if (found == records_.end()) return;  // the backend was removed in the meantime
  auto& r = found->second;
  (good ? r.bad : r.good) = 0;
  ++(good ? r.good : r.bad);
  bool const is_first = std::exchange(r.awaits_first, false);
  auto const flags = all_.pool.health(id);
  auto const has = [&](health_flag f) { return (flags & f) != health_flag::none; };
  if (r.bad >= all_.settings.checks.fall) {
    if (!has(health_flag::down)) spdlog::warn("{} is down: {}", name, result);
    damping_.set_down(id, name);
  }
  if (is_first && !good) spdlog::warn("{} has joined, but its first check failed: {}", name, result);
  if (!good || (!is_first && r.good < all_.settings.checks.rise)) return;
  bool const was_out = has(health_flag::down) || has(health_flag::ejected);
  if (was_out) ejections_.bring_back(id, now());
  if (damping_.set_up(id) && was_out) spdlog::info("{} is up{}", name, is_first ? "" : " again");
}

}  // namespace proxy
