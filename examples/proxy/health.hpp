// SPDX-License-Identifier: MIT
// Decides which backends are healthy. Active checks ask each backend at an interval, passive checks count the failures
// of requests. Both set and clear health flags in the pool, which the next pick of every worker sees.
#pragma once

#include "damping.hpp"
#include "proxy.hpp"
#include "upstream.hpp"

#include <equipoise/health.hpp>

#include <map>
#include <memory>

namespace proxy {

class health {
 public:
  // All functions except failed() and answered() run on the control thread.
  health(asio::io_context& control, shared& all)
      : control_{control}, all_{all}, timer_{control}, ejections_{all.pool, ejection_rules()},
        damping_{all.pool, all.settings} {}

  void start();

  // A backend has joined a running proxy with weight 0. It gets no work before its first good check, which starts now.
  void await_first_check(equipoise::backend_id id);

  // May be called from any thread when a backend did not answer a request, or not completely. Enough failures in a row
  // eject the backend. At most half of all backends are ejected, and never the last one that is up. If so many fail at
  // once, the cause is probably in the proxy or its network.
  void failed(equipoise::backend_id id, traffic& counts, std::string const& problem);

  // May be called from any thread when a backend has answered completely, if its status is no failure.
  void answered(equipoise::backend_id id, traffic& counts) noexcept;

 private:
  struct record {
    unsigned good = 0, bad = 0;  // in a row
    // The next check does not start before a slow one has ended.
    std::shared_ptr<bool> running = std::make_shared<bool>(false);
    bool awaits_first = false;  // it gets no work before its first check
  };

  task<bool> check_when_due();
  void start_checks(bool all);
  task<> check(equipoise::backend_id id, std::string name, tcp::endpoint address);
  task<bool> end_ejections();
  equipoise::outlier_options ejection_rules();
  bool is_ejected(equipoise::backend_id id) const noexcept;
  bool others_are_up(equipoise::backend_id id) const;
  void record_check(equipoise::backend_id id, std::string const& name, bool good, std::string const& result);

  asio::io_context& control_;
  shared& all_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point next_{};  // when all backends are checked again
  upstream_connections connections_{0};           // each check has a new connection
  std::map<equipoise::backend_id, record> records_;
  equipoise::outlier_detection<server> ejections_;
  damping damping_;  // sets and clears health_flag::down
};

}  // namespace proxy
