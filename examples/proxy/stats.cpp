// SPDX-License-Identifier: MIT
#include "admin.hpp"

#include "endpoint.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace proxy {
namespace {

// The numbers of one backend.
struct backend_stats {
  std::string id, name, address, zone, state;
  std::uint32_t weight, priority, in_flight;
  std::uint64_t picks, answered, failed, consecutive_failures;
  std::int64_t last_pick;
  double mean_latency;  // seconds
};

std::vector<backend_stats> collect(shared const& all) {
  std::vector<backend_stats> out;
  all.pool.for_each(
      [&](equipoise::backend_id id, server const& s, equipoise::attributes const& a, equipoise::health_flag flags) {
        backend_stats b{};
        b.id = to_string(id);
        b.name = s.name;
        b.address = to_text(s.address);
        b.zone = a.zone;
        b.state = to_string(flags);
        b.weight = a.weight;
        b.priority = a.priority;
        b.in_flight = all.pool.in_flight(id);
        b.picks = s.counts->picks;
        b.last_pick = s.counts->last_pick;
        b.consecutive_failures = s.counts->failures_in_a_row;
        if (auto const* observed = all.pool.observed(id)) {
          b.answered = observed->ok;
          b.failed = observed->failed;
          if (auto const n = observed->measured.load())
            b.mean_latency = static_cast<double>(observed->latency) / static_cast<double>(n) / 1e9;
        }
        out.push_back(std::move(b));
      });
  return out;
}

}  // namespace

std::string stats_json(shared const& all) {
  nlohmann::ordered_json out{{"policy", all.settings.policy},          {"workers", all.settings.workers},
                             {"draining", all.draining.load()},        {"now_ns", now().time_since_epoch().count()},
                             {"clients", all.counts.clients.load()},   {"requests", all.counts.requests.load()},
                             {"answered", all.counts.answered.load()}, {"retries", all.counts.retries.load()},
                             {"refused", all.counts.refused.load()},   {"broken", all.counts.broken.load()},
                             {"errors", all.counts.errors.load()}};
  if (!all.settings.discovery.etcd.empty()) {
    auto const& d = all.discovered;
    out["discovery"] = {
        {"is_current", d.is_current.load()}, {"revision", d.revision.load()}, {"lists", d.lists.load()},
        {"refused", d.refused.load()},       {"failures", d.failures.load()}, {"ranges", d.ranges.load()},
        {"watches", d.watches.load()},       {"events", d.events.load()},     {"bytes", d.bytes.load()}};
  }
  auto& backends = out["backends"] = nlohmann::ordered_json::array();
  for (auto const& b : collect(all))
    backends.push_back({{"name", b.name},
                        {"id", b.id},
                        {"address", b.address},
                        {"state", b.state},
                        {"weight", b.weight},
                        {"priority", b.priority},
                        {"zone", b.zone},
                        {"in_flight", b.in_flight},
                        {"picks", b.picks},
                        {"answered", b.answered},
                        {"failed", b.failed},
                        {"consecutive_failures", b.consecutive_failures},
                        {"mean_latency_ms", b.mean_latency * 1e3},
                        {"last_pick_ns", b.last_pick}});
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string metrics_text(shared const& all) {
  std::string out;
  auto const escaped = [](std::string const& text) {
    std::string safe;
    for (char c : text) c == '\n' ? safe += "\\n" : c == '"' || c == '\\' ? (safe += '\\') += c : safe += c;
    return safe;
  };
  auto const list = collect(all);
  auto const metric = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out += fmt::format("# HELP proxy_{0} {2}\n# TYPE proxy_{0} {1}\n", name, type, help);
    if constexpr (requires(backend_stats const& b) { value(b); })
      for (auto const& b : list) out += fmt::format("proxy_{}{{backend=\"{}\"}} {}\n", name, escaped(b.name), value(b));
    else
      out += fmt::format("proxy_{} {}\n", name, value);
  };
  metric("clients", "gauge", "Connections from clients.", all.counts.clients.load());
  metric("requests_total", "counter", "Requests that arrived.", all.counts.requests.load());
  metric("answered_total", "counter", "Requests answered by a backend.", all.counts.answered.load());
  metric("retries_total", "counter", "Attempts after a failed one.", all.counts.retries.load());
  metric("refused_total", "counter", "Requests that no backend answered (502, 503, 504).", all.counts.refused.load());
  metric("broken_total", "counter", "Incomplete requests, and answers that broke off.", all.counts.broken.load());
  metric("errors_total", "counter", "Exceptions within the proxy.", all.counts.errors.load());
  if (!all.settings.discovery.etcd.empty()) {
    auto const& d = all.discovered;
    metric("discovery_current", "gauge", "1 if the last word of etcd was a good list.", d.is_current ? 1 : 0);
    metric("discovery_revision", "gauge", "The last revision of etcd that is known.", d.revision.load());
    metric("discovery_refused_total", "counter", "Lists that were empty or bad.", d.refused.load());
    metric("discovery_failures_total", "counter", "Lost connections, and answers of no use.", d.failures.load());
    metric("discovery_events_total", "counter", "Changes of keys.", d.events.load());
    metric("discovery_bytes_total", "counter", "Bytes that etcd has sent.", d.bytes.load());
  }
  metric("backend_up", "gauge", "1 if the backend may get new work.",
         [](backend_stats const& b) { return b.state == "up" ? 1 : 0; });
  metric("backend_weight", "gauge", "The weight of the backend.", [](backend_stats const& b) { return b.weight; });
  metric("backend_in_flight", "gauge", "Requests that the backend is working on.",
         [](backend_stats const& b) { return b.in_flight; });
  metric("backend_picks_total", "counter", "How often the backend was picked.",
         [](backend_stats const& b) { return b.picks; });
  metric("backend_answered_total", "counter", "Good answers.", [](backend_stats const& b) { return b.answered; });
  metric("backend_failed_total", "counter", "Bad or missing answers.", [](backend_stats const& b) { return b.failed; });
  metric("backend_latency_seconds_mean", "gauge", "Mean time until the answer was complete.",
         [](backend_stats const& b) { return b.mean_latency; });
  return out;
}

}  // namespace proxy
