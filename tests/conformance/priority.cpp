// SPDX-License-Identifier: MIT
// Replays how Envoy spreads requests over levels of priority: for each of the 100 residues of a request's hash, the
// level that answered.
#include "conform.hpp"

#include <equipoise/policy/priority_load.hpp>

#include <algorithm>

namespace conform {
namespace {

using namespace equipoise;

constexpr std::int64_t most_priority = 127;  // as in Envoy

std::vector<priority_health> levels_in(json const& backends, bool by_weight) {
  std::vector<priority_health> levels;
  for (std::size_t i = 0; i != backends.size(); ++i) {
    json const& b = as_object(backends[i], {"backends", i});
    place const priority{"backends", i, "priority"}, weight{"backends", i, "weight"}, health{"backends", i, "health"};
    auto const at =
        b.contains("priority") ? static_cast<std::size_t>(as_integer(b["priority"], priority, 0, most_priority)) : 0;
    if (levels.size() <= at) levels.resize(at + 1);
    auto const heavy =
        b.contains("weight") ? static_cast<std::uint64_t>(as_integer(b["weight"], weight, 1, 1 << 30)) : 1;
    auto const state = b.contains("health") ? as_text(b["health"], health) : "HEALTHY";
    bool const healthy = state == "HEALTHY" || state == "UNKNOWN", degraded = state == "DEGRADED";
    priority_health& l = levels[at];
    ++l.members;
    l.healthy += healthy;
    l.degraded += degraded;
    if (!by_weight) continue;
    l.weight += heavy;
    l.healthy_weight += healthy ? heavy : 0;
    l.degraded_weight += degraded ? heavy : 0;
  }
  return levels;
}

// The level that answers a request with that residue; −1 for none.
std::int64_t answering(std::vector<priority_health> const& levels, std::vector<priority_load> const& loads,
                       std::uint32_t residue) {
  std::uint32_t sum = 0;
  for (bool degraded : {false, true})
    for (std::size_t i = 0; i != levels.size(); ++i) {
      sum += degraded ? loads[i].degraded : loads[i].healthy;
      if (residue >= sum) continue;
      // A degraded level is asked for its healthy hosts by Envoy's hashing policies.
      bool const has_host = loads[i].in_panic ? levels[i].members != 0 : levels[i].healthy != 0;
      return has_host ? static_cast<std::int64_t>(i) : -1;
    }
  return -1;
}

}  // namespace

bool is_priority_levels(json const& file) { return file.value("kind", std::string{}).starts_with("priority levels"); }

result replay_priority_levels(json const& file) {
  result r;
  for (auto const& s : as_list(field_of(file, {{}, {}, "scenarios"}), {"scenarios"})) {
    auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
    priority_rules rules;
    bool by_weight = false;
    for (auto const& setting : as_object(field_of(s, {"scenario", {}, "configuration"}), {"configuration"}).items()) {
      place const at{"configuration", {}, setting.key()};
      if (setting.key() == "healthy_panic_threshold")
        rules.panic_threshold = static_cast<double>(as_integer(setting.value(), at, 0, 100));
      else if (setting.key() == "overprovisioning_factor")
        rules.overprovisioning = static_cast<std::uint32_t>(as_integer(setting.value(), at, 100, 1'000'000));
      else if (setting.key() == "weighted_priority_health")
        by_weight = setting.value().get<bool>();
      else if (setting.key() != "policy")
        throw skipped(at.text() + " is not supported yet");
    }
    auto const levels = levels_in(as_list(field_of(s, {"scenario", {}, "backends"}), {"backends"}), by_weight);
    std::vector<priority_load> loads(levels.size());
    spread_over_priorities(levels, rules, loads);

    std::vector<std::int64_t> theirs;
    for (auto const& run : as_list(field_of(s, {"scenario", {}, "expected"}), {"expected"})) {
      place const at{"expected", theirs.size()};
      if (as_list(run, at).size() != 2) is_not(run, at, "a priority and how often it answered");
      auto const level = run[0].is_null() ? -1 : as_integer(run[0], at, 0, most_priority);
      theirs.insert(theirs.end(), static_cast<std::size_t>(as_integer(run[1], at, 1, 100)), level);
    }
    if (theirs.size() != 100) throw skipped(name + ": expected has " + std::to_string(theirs.size()) + " residues");
    for (std::uint32_t residue = 0; residue != 100; ++residue) {
      auto const ours = answering(levels, loads, residue);
      ++r.asked;
      if (ours == theirs[residue])
        ++r.equal;
      else if (r.differences.size() < 5)
        r.differences.push_back(name + ", residue " + std::to_string(residue) + ": recorded is " +
                                std::to_string(theirs[residue]) + ", we have " + std::to_string(ours));
    }
  }
  return r;
}

}  // namespace conform
