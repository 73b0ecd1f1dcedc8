// SPDX-License-Identifier: MIT
#include "health.hpp"

#include "background.hpp"
#include "duration.hpp"
#include "endpoint.hpp"
#include "exchange.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <random>

namespace proxy {

using equipoise::check_answer;
using equipoise::check_standing;
using equipoise::health_flag;

namespace {
// The first checks begin at once. `fall` bad ones take a backend down, also at first.
equipoise::check_options rules_of(config const& settings) {
  auto const& c = settings.checks;
  auto o = equipoise::envoy_check_options(c.interval, c.timeout, c.rise, c.fall);
  o.first_bad_decides = false;
  o.jitter = 10;  // several proxies do not check in step
  if (c.damping) o.down = health_flag::none;
  return o;
}
}  // namespace

void health::start() {
  if (all_.settings.passive.failures != 0)
    start_task(control_, all_.counts, "end of ejections",
               repeat(all_.counts, "end of ejections", [this] { return end_ejections(); }));
  auto const& settings = all_.settings;
  if (!settings.checks.enabled) return;
  if (settings.checks.damping) {
    damping_.emplace(all_.pool, *settings.checks.damping);
    start_task(control_, all_.counts, "end of damping",
               repeat(all_.counts, "end of damping", [this] { return end_damping(); }));
  }
  checks_.emplace(all_.pool, rules_of(settings), settings.seed ? *settings.seed : std::random_device{}());
  runner_.emplace(
      control_, all_.pool, *checks_,
      [](server const& s) {
        return equipoise::check_target{s.address.address().to_string(), s.address.port()};
      },
      [this](equipoise::check_target const& to, equipoise::backend_id) {
        return check({asio::ip::make_address(to.host), to.port});
      },
      equipoise::check_runner_options{.postponed_for = std::min<std::chrono::nanoseconds>(settings.checks.interval, 1s),
                                      .on_result = [this](equipoise::check_event const& e) { checked(e); }});
}

void health::await_first_check(equipoise::backend_id id) {
  if (!runner_) return;
  all_.pool.set(id, health_flag::down);
  awaited_.insert(id);
  runner_->follow();
}

task<equipoise::check_result> health::check(tcp::endpoint at) {
  client_request request{http::verb::get, all_.settings.checks.path, 11};
  request.set(http::field::host, to_text(at));
  request.set(http::field::user_agent, "equipoise-proxy-check");
  request.keep_alive(false);
  exchange with{limits_for_checks(all_.settings), connections_, request};
  auto result = attempt_result::not_tried;
  try {
    result = co_await with.send(at);
  } catch (boost::system::system_error const& e) {
    if (e.code() != asio::error::operation_aborted) report_error(all_.counts, "health check", e);
  } catch (std::exception const& e) {
    report_error(all_.counts, "health check", e);
  }
  // Then the check says nothing about the backend.
  if (result == attempt_result::not_tried) throw boost::system::system_error{asio::error::operation_aborted};
  if (result != attempt_result::answered)
    co_return equipoise::check_result{check_answer::failed, problems_.insert(with.problem()).first->c_str()};
  auto const status = static_cast<std::int32_t>(with.status());
  co_return equipoise::check_result{status / 100 == 2 ? check_answer::good : check_answer::failed, "it answered",
                                    status};
}

// The scheduler has counted a check, and has set or cleared the flag of its backend, unless damping does so.
void health::checked(equipoise::check_event const& e) {
  bool const is_awaited = awaited_.erase(e.id) != 0, is_good = e.result.answer == check_answer::good;
  bool const is_down = e.report.standing == check_standing::down;
  bool const was_down =
      damping_ ? (all_.pool.health(e.id) & health_flag::down) != health_flag::none : e.before == check_standing::down;
  if (is_awaited && !is_good)
    spdlog::warn("{} has joined, but its first check failed: {}", name_of(e.id), text_of(e.result));
  else if (is_down && !was_down)
    spdlog::warn("{} is down: {}", name_of(e.id), text_of(e.result));
  if (is_down && damping_) damping_->set_down(e.id, name_of(e.id));
  bool const is_back = come_back(e);
  if (!e.report.is_up() || (damping_ && !damping_->set_up(e.id))) return;
  if (is_awaited)
    spdlog::info("{} is up", name_of(e.id));
  else if (is_back || was_down)
    spdlog::info("{} is up again", name_of(e.id));
}

task<bool> health::end_damping() {
  co_await sleep_for(std::min<std::chrono::nanoseconds>(all_.settings.checks.interval, 1s));
  damping_->advance();
  co_return true;
}

// Good checks end an ejection. Returns whether they have.
bool health::come_back(equipoise::check_event const& e) {
  if (!is_ejected(e.id)) {
    good_.erase(e.id);
    return false;
  }
  auto& good = good_[e.id];
  good = e.result.answer == check_answer::good ? good + 1 : 0;
  if (good < all_.settings.checks.rise || !e.report.is_up()) return false;
  good_.erase(e.id);
  ejections_.bring_back(e.id, now());
  return true;
}

std::string health::text_of(equipoise::check_result const& result) const {
  std::string_view const reason{result.reason};
  if (reason == "no answer in time") return "no answer within " + format_duration(all_.settings.checks.timeout);
  return result.code == 0 ? std::string{reason} : fmt::format("{} {}", reason, result.code);
}

std::string health::name_of(equipoise::backend_id id) const {
  std::string name = "a backend that has left";
  all_.pool.visit(id, [&](server const& s, auto const&...) { name = s.name; });
  return name;
}

}  // namespace proxy
