#include "admin.hpp"

#include "endpoint.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace proxy {
namespace {

// One backend, as everything below wants to know it.
struct line {
  std::string id, name, address, zone, state;
  std::uint32_t weight, priority, in_flight;
  std::uint64_t picks, answered, failed, consecutive_failures;
  std::int64_t last_pick;
  double mean_latency;  // seconds
};

std::vector<line> lines(shared const& all) {
  std::vector<line> out;
  all.pool.for_each(
      [&](equipoise::backend_id id, server const& s, equipoise::attributes const& a, equipoise::health_flag why) {
        line l{to_string(id),
               s.name,
               to_text(s.address),
               a.zone,
               to_string(why),
               a.weight,
               a.priority,
               all.pool.in_flight(id),
               s.seen->picks,
               0,
               0,
               0,
               s.seen->last_pick,
               0.0};
        if (auto const* seen = all.pool.observed(id)) {
          l.answered = seen->ok, l.failed = seen->failed, l.consecutive_failures = seen->consecutive_failures;
          if (auto const n = seen->measured.load())
            l.mean_latency = static_cast<double>(seen->latency) / static_cast<double>(n) / 1e9;
        }
        out.push_back(std::move(l));
      });
  return out;
}

}  // namespace

std::string stats_json(shared const& all) {
  nlohmann::ordered_json out{{"policy", all.settings.policy},          {"workers", all.settings.workers},
                             {"draining", all.draining.load()},        {"now_ns", now().time_since_epoch().count()},
                             {"clients", all.counts.clients.load()},   {"requests", all.counts.requests.load()},
                             {"answered", all.counts.answered.load()}, {"retries", all.counts.retries.load()},
                             {"refused", all.counts.refused.load()},   {"broken", all.counts.broken.load()}};
  auto& backends = out["backends"] = nlohmann::ordered_json::array();
  for (auto const& l : lines(all))
    backends.push_back({{"name", l.name},
                        {"id", l.id},
                        {"address", l.address},
                        {"state", l.state},
                        {"weight", l.weight},
                        {"priority", l.priority},
                        {"zone", l.zone},
                        {"in_flight", l.in_flight},
                        {"picks", l.picks},
                        {"answered", l.answered},
                        {"failed", l.failed},
                        {"consecutive_failures", l.consecutive_failures},
                        {"mean_latency_ms", l.mean_latency * 1e3},
                        {"last_pick_ns", l.last_pick}});
  return out.dump(2) + '\n';
}

std::string metrics_text(shared const& all) {
  std::string out;
  auto const escaped = [](std::string const& text) {
    std::string safe;
    for (char c : text) c == '\n' ? safe += "\\n" : c == '"' || c == '\\' ? (safe += '\\') += c : safe += c;
    return safe;
  };
  auto const all_lines = lines(all);
  auto const metric = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out += fmt::format("# HELP proxy_{0} {2}\n# TYPE proxy_{0} {1}\n", name, type, help);
    if constexpr (requires(line const& l) { value(l); })
      for (auto const& l : all_lines)
        out += fmt::format("proxy_{}{{backend=\"{}\"}} {}\n", name, escaped(l.name), value(l));
    else
      out += fmt::format("proxy_{} {}\n", name, value);
  };
  metric("clients", "gauge", "Connections from clients.", all.counts.clients.load());
  metric("requests_total", "counter", "Requests that arrived.", all.counts.requests.load());
  metric("answered_total", "counter", "Requests answered by a backend.", all.counts.answered.load());
  metric("retries_total", "counter", "Attempts that failed and were followed by another.", all.counts.retries.load());
  metric("refused_total", "counter", "Requests that no backend answered: 502, 503, 504.", all.counts.refused.load());
  metric("broken_total", "counter", "Requests that were not whole, and answers that broke off.",
         all.counts.broken.load());
  metric("backend_up", "gauge", "1 if it may get new work.", [](line const& l) { return l.state == "up" ? 1 : 0; });
  metric("backend_weight", "gauge", "Its weight.", [](line const& l) { return l.weight; });
  metric("backend_in_flight", "gauge", "Requests it is working on.", [](line const& l) { return l.in_flight; });
  metric("backend_picks_total", "counter", "Times it was picked.", [](line const& l) { return l.picks; });
  metric("backend_answered_total", "counter", "Good answers.", [](line const& l) { return l.answered; });
  metric("backend_failed_total", "counter", "Bad answers, and none.", [](line const& l) { return l.failed; });
  metric("backend_latency_seconds_mean", "gauge", "Mean time to a whole answer.",
         [](line const& l) { return l.mean_latency; });
  return out;
}

}  // namespace proxy
