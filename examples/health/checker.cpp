// SPDX-License-Identifier: MIT
#include "checker.hpp"

#include "alarm.hpp"
#include "disk.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

namespace health {
namespace {
equipoise::time_point now() { return std::chrono::steady_clock::now(); }
}  // namespace

checker::checker(equipoise::health_report& report, targets where)
    : report_{report}, where_{std::move(where)}, database_{where_.database}, redis_{where_.redis},
      logged_(report.checks().size(), equipoise::health_status::unknown) {
  asio::co_spawn(io_, run_when_due(), asio::detached);
  thread_ = std::thread{[this] { io_.run(); }};
}

checker::~checker() {
  io_.stop();
  thread_.join();
  disk_.join();
}

task<> checker::run_when_due() {
  asio::steady_timer timer{io_};
  for (;;) {
    while (auto const run = report_.start_next(now())) start(*run);
    log_changes(now());
    timer.expires_at(report_.next_due(now()));
    error_code ec;
    co_await timer.async_wait(into(ec));
  }
}

void checker::start(equipoise::health_run const& run) {
  switch (run.check) {
    case targets::database_check:
      return asio::co_spawn(io_, ask(run, database_), asio::detached);
    case targets::redis_check:
      return asio::co_spawn(io_, ask(run, redis_), asio::detached);
    default:
      return asio::post(disk_, [this, run] { look_at_disk(run); });
  }
}

template <class Server>
task<> checker::ask(equipoise::health_run run, Server& server) {
  watch w;
  proxy::alarm const deadline{io_.get_executor(), run.deadline - now(), [&w] { w.give_up(); }};
  auto result = equipoise::health_status::pass;
  std::string text;
  try {
    co_await server.check(w);
  } catch (std::exception const& e) {
    result = equipoise::health_status::fail;
    text = e.what();
  }
  finish(run, result, std::move(text));
}

void checker::look_at_disk(equipoise::health_run const& run) {
  auto result = equipoise::health_status::fail;
  std::string text;
  try {
    auto const left = read_free_space(where_.disk);
    result = equipoise::disk_status(left, where_.thresholds);
    text = where_.disk + " has " + std::to_string(left.bytes) + " bytes";
    if (left.inodes) text += " and " + std::to_string(*left.inodes) + " inodes";
  } catch (std::exception const& e) {
    text = e.what();
  }
  asio::post(io_, [this, run, result, text = std::move(text)]() mutable { finish(run, result, std::move(text)); });
}

void checker::finish(equipoise::health_run const& run, equipoise::health_status result, std::string text) {
  auto const at = now();
  report_.finish(run, result, at, std::move(text));  // false if the report has counted the time-out already
  log_changes(at);
}

void checker::log_changes(equipoise::time_point at) {
  auto const answer = report_.readiness(at);
  for (std::size_t i = 0; i != answer.checks.size(); ++i) {
    auto const& c = answer.checks[i];
    if (std::exchange(logged_[i], c.status) != c.status)
      spdlog::info("{}: {}{}{}", c.name, to_string(c.status), c.output.empty() ? "" : ", ", c.output);
  }
}

}  // namespace health
