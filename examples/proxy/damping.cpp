// SPDX-License-Identifier: MIT
#include "damping.hpp"

#include "duration.hpp"

#include <spdlog/spdlog.h>

#include <map>

namespace proxy {

using equipoise::health_flag;

namespace {
equipoise::flap_damping_options damping_options_for(std::chrono::nanoseconds half_life) {
  equipoise::flap_damping_options o;
  o.half_life = half_life;
  o.most_suppressed = 4 * half_life;
  return o;
}
}  // namespace

damping::damping(equipoise::pool<server>& pool, std::chrono::nanoseconds half_life)
    : pool_{pool}, history_{pool, damping_options_for(half_life)} {}

void damping::set_down(equipoise::backend_id id, std::string const& name) {
  auto const before = history_.counts().suppressed;
  history_.report(id, false, now());
  if (history_.counts().suppressed != before)
    spdlog::warn("{} flaps: it stays down, also with good checks, until it has been quiet; at most {}", name,
                 format_duration(history_.options().most_suppressed));
}

bool damping::set_up(equipoise::backend_id id) { return history_.report(id, true, now()); }

void damping::advance() {
  if (history_.suppressed() == 0) return;
  std::map<equipoise::backend_id, std::string> down;
  pool_.for_each([&](equipoise::backend_id id, server const& s, auto const&, health_flag flags) {
    if ((flags & health_flag::down) != health_flag::none) down.emplace(id, s.name);
  });
  history_.advance(now());
  for (auto const& [id, name] : down)
    if ((pool_.health(id) & health_flag::down) == health_flag::none)
      spdlog::info("{} is up again: it has stopped flapping", name);
}

}  // namespace proxy
