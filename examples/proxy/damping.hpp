// SPDX-License-Identifier: MIT
// Stands between the active checks and the pool, with `checks.damping`: a backend that goes down again and again stays
// down for a while although its checks are good again.
#pragma once

#include "proxy.hpp"

#include <equipoise/health.hpp>

namespace proxy {

class damping {
 public:
  damping(equipoise::pool<server>& pool, std::chrono::nanoseconds half_life);

  // May be called from any thread.
  void add_time_left(equipoise::explanation& e) { equipoise::add_time_left(e, history_, now()); }

  // The rest is for the control thread. The first one logs when the backend is not believed any more.
  void set_down(equipoise::backend_id id, std::string const& name);
  bool set_up(equipoise::backend_id id);  // returns whether the backend is up now

  // Called at an interval. Backends that were quiet for long enough come up.
  void advance();

 private:
  equipoise::pool<server>& pool_;
  equipoise::flap_damping<server> history_;
};

}  // namespace proxy
