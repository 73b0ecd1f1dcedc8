// SPDX-License-Identifier: MIT
// Decides which backends are healthy. Active checks ask each backend at an interval, passive checks count the failures
// of requests. Both set and clear health flags in the pool, which the next pick of every worker sees.
#pragma once

#include "damping.hpp"
#include "proxy.hpp"
#include "upstream.hpp"

#include <equipoise/health.hpp>
#include <equipoise/with/asio.hpp>

#include <map>
#include <optional>
#include <set>

namespace proxy {

class health {
 public:
  // All functions except add_time_left(), failed() and answered() run on the control thread.
  health(asio::io_context& control, shared& all)
      : control_{control}, all_{all}, ejections_{all.pool, ejection_rules()} {}

  void start();

  // A backend has joined a running proxy. It gets no work before its first good check, which starts now.
  void await_first_check(equipoise::backend_id id);

  // May be called from any thread when a backend did not answer a request, or not completely. Enough failures in a row
  // eject the backend. At most half of all backends are ejected, and never the last one that is up. If so many fail at
  // once, the cause is probably in the proxy or its network.
  void failed(equipoise::backend_id id, traffic& counts, std::string const& problem);

  // Adds to an explanation when backends come back. May be called from any thread.
  void add_time_left(equipoise::explanation& e);

  // May be called from any thread when a backend has answered completely, if its status is no failure.
  void answered(equipoise::backend_id id, traffic& counts) noexcept;

 private:
  task<equipoise::check_result> check(tcp::endpoint at);
  void checked(equipoise::check_event const& e);
  std::string text_of(equipoise::check_result const& result) const;
  std::string name_of(equipoise::backend_id id) const;
  bool come_back(equipoise::check_event const& e);
  task<bool> end_damping();

  task<bool> end_ejections();
  equipoise::outlier_options ejection_rules();
  bool is_ejected(equipoise::backend_id id) const noexcept;
  bool others_are_up(equipoise::backend_id id) const;

  asio::io_context& control_;
  shared& all_;
  upstream_connections connections_{0};  // each check has a new connection
  equipoise::outlier_detection<server> ejections_;
  std::optional<damping> damping_;                  // absent: the scheduler sets and clears health_flag::down itself
  std::set<equipoise::backend_id> awaited_;         // they get no work before their first check
  std::map<equipoise::backend_id, unsigned> good_;  // of ejected backends: good checks in a row since then
  std::set<std::string> problems_;                  // the reasons for no answer; they outlive the scheduler
  std::optional<equipoise::check_scheduler<server>> checks_;  // absent, as the runner: there are no checks
  std::optional<equipoise::check_runner<server>> runner_;     // makes them
};

}  // namespace proxy
