// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <nlohmann/json.hpp>

namespace demo {
namespace {

using json = nlohmann::ordered_json;

json of(latencies const& l) { return {{"p50", l.p50}, {"p99", l.p99}, {"p99.9", l.p999}}; }

json of(std::optional<movement> const& m) {
  if (!m) return nullptr;
  return {{"moved", m->moved}, {"least_possible", m->least}, {"needless", m->needless}, {"compared", m->compared}};
}

json of(findings const& f) {
  json shares = json::object(), by_phase = json::object();
  for (std::size_t i = 0; i != initial_count; ++i)
    shares[std::string{backends[i].name}] = {{"share", f.share[i]}, {"ideal", f.ideal[i]}};
  for (std::size_t p = 0; p != phases; ++p) by_phase[std::string{phase_names[p]}] = of(f.by_phase[p]);
  return {{"policy", f.policy.name},
          {"requests", f.requests},
          {"failures", f.failures},
          {"first_failures", f.first_failures},
          {"latency_ms", of(f.overall)},
          {"latency_ms_by_phase", by_phase},
          {"steady_shares", shares},
          {"worst_share_error", f.worst_share},
          {"dead_backend_picked_for_ms", f.dead_picked_for},
          {"keys_when_killed", of(f.on_kill)},
          {"keys_when_back", of(f.on_return)},
          {"keys_when_added", of(f.on_add)},
          {"explain", f.explain},
          {"proxy_exit", f.proxy_exit}};
}

}  // namespace

std::string as_json(outcome const& all) {
  json promises = json::array(), policies = json::array(), backend_list = json::array();
  for (auto const& p : all.promises)
    promises.push_back({{"promise", p.text}, {"kept", p.kept}, {"evidence", p.evidence}});
  for (auto const& f : all.found) policies.push_back(of(f));
  for (auto const& r : backends)
    backend_list.push_back(
        {{"name", r.name}, {"weight", r.weight}, {"service_ms", static_cast<double>(r.service.count()) / 1e3}});
  return json{{"kept", all_kept(all.promises)},
              {"promises", promises},
              {"seconds", all.seconds},
              {"rate", all.options.rate},
              {"clients", all.options.clients},
              {"workers", all.options.workers},
              {"check_interval_ms", all.options.check_interval.count()},
              {"backends", backend_list},
              {"policies", policies}}
             .dump(2) +
         '\n';
}

}  // namespace demo
