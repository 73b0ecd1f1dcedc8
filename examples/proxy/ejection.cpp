// SPDX-License-Identifier: MIT
// The passive part of health: failures of requests eject a backend for a while.
#include "background.hpp"
#include "health.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace proxy {

using equipoise::health_flag;
using equipoise::outcome;

equipoise::outlier_options health::ejection_rules() {
  auto const& passive = all_.settings.passive;
  equipoise::outlier_options o;
  o.errors.failures = passive.failures;
  o.gateway_errors.failures = o.local_errors.failures = 0;
  o.success_rate.enforced = o.failures.enforced = 0;
  o.base_time = o.most_time = passive.eject;
  o.most_ejected = 50;
  o.context = this;
  o.may_eject = [](void* self, equipoise::backend_id id) noexcept {
    return static_cast<health*>(self)->others_are_up(id);
  };
  return o;
}

void health::answered(equipoise::backend_id id, traffic& counts) noexcept {
  if (counts.failures_in_a_row.load(std::memory_order_relaxed) != 0) counts.failures_in_a_row = 0;
  ejections_.report(id, outcome::ok, now());
}

void health::failed(equipoise::backend_id id, traffic& counts, std::string const& problem) {
  ++counts.failures_in_a_row;
  bool const was_out = is_ejected(id);
  ejections_.report(id, outcome::error, now());
  if (was_out || !is_ejected(id)) return;
  spdlog::warn("ejected for {}: {}", format_duration(all_.settings.passive.eject), problem);
  // Only good checks after the ejection count.
  asio::post(control_, [this, id] {
    std::erase_if(good_, [this](auto const& one) { return !is_ejected(one.first); });
    good_[id] = 0;
  });
}

void health::add_time_left(equipoise::explanation& e) {
  equipoise::add_time_left(e, ejections_, now());
  if (damping_) damping_->add_time_left(e);
}

bool health::is_ejected(equipoise::backend_id id) const noexcept {
  return (all_.pool.health(id) & health_flag::ejected) != health_flag::none;
}

bool health::others_are_up(equipoise::backend_id id) const {
  bool any = false;
  all_.pool.for_each([&](equipoise::backend_id other, server const&, equipoise::attributes const& a, health_flag f) {
    any = any || (other != id && f == health_flag::none && a.weight != 0);
  });
  return any;
}

task<bool> health::end_ejections() {
  co_await sleep_for(std::clamp<std::chrono::nanoseconds>(all_.settings.passive.eject / 10, 10ms, 1s));
  ejections_.end_interval(now());
  co_return true;
}

}  // namespace proxy
