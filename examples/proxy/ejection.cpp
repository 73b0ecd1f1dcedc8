// SPDX-License-Identifier: MIT
// The passive part of health: failures of requests eject a backend for a while.
#include "background.hpp"
#include "duration.hpp"
#include "health.hpp"

#include <boost/asio/post.hpp>

namespace proxy {

using equipoise::health_flag;

void health::answered(traffic& counts) noexcept {
  if (counts.failures_in_a_row.load(std::memory_order_relaxed) != 0) counts.failures_in_a_row = 0;
}

void health::failed(equipoise::backend_id id, traffic& counts, std::string const& problem) {
  auto const limit = all_.settings.passive.failures;
  auto const in_a_row = ++counts.failures_in_a_row;
  if (limit == 0 || in_a_row < limit) return;
  auto const flags = all_.pool.health(id);
  if ((flags & (health_flag::ejected | health_flag::removed)) != health_flag::none || too_many_ejected_with(id)) return;
  if (!all_.pool.set(id, health_flag::ejected)) return;  // takes effect at once for every worker
  asio::post(control_, [this, id, problem] {
    spdlog::warn("ejected for {}: {}", format_duration(all_.settings.passive.eject), problem);
    // Only good checks after the ejection count.
    if (auto const it = records_.find(id); it != records_.end()) it->second.good = 0;
    start_task(control_, all_.counts, "end of an ejection", readmit_later(id, ejections_[id] = ++ejected_));
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
