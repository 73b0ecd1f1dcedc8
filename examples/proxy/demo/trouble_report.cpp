// SPDX-License-Identifier: MIT
// What is printed and written about troubles: a table for each run, the events, and JSON.
#include "trouble.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace demo {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_events_in_json = 1000;

// The three parts of a run: before, during and after the trouble.
struct part {
  char const* name;
  double from, to;
};

std::array<part, 3> parts_of(run_plan const& plan) {
  return {{{"before", 0.2, plan.begins}, {"during", plan.begins, plan.ends}, {"after", plan.ends, plan.seconds}}};
}

std::size_t members_of(observation const& o) {
  bool joins = false;
  for (auto const& a : o.plan->actions) joins = joins || a.what == act::join;
  return joins ? backend_count : o.plan->processes.initial;
}

std::size_t failed_requests_of(observation const& o, std::size_t backend) {
  return static_cast<std::size_t>(std::count_if(o.requests.begin(), o.requests.end(), [&](request_record const& r) {
    return r.failed && r.backend == static_cast<int>(backend);
  }));
}

std::string latency_of(observation const& o, int backend) {
  auto const p99 = [&](part const& p) { return o.latency(backend, p.from, p.to).p99; };
  auto const parts = parts_of(*o.plan);
  return fmt::format("{:>11.1f}{:>9.1f}{:>9.1f}\n", p99(parts[0]), p99(parts[1]), p99(parts[2]));
}

std::string table_of(observation const& o) {
  auto const& plan = *o.plan;
  std::string out = fmt::format("\n{}{}{}: {} requests, {} failed; trouble from {:.1f} to {:.1f} s of {:.1f} s\n",
                                plan.processes.policy, plan.label.empty() ? "" : ", ", plan.label, o.requests.size(),
                                o.failed_requests(), plan.begins, plan.ends, plan.seconds);
  out += fmt::format("  {:<8}{:>9}{:>9}{:>9}{:>17}{:>16}{:>11}{:>9}{:>9}\n", "backend", "before %", "during %",
                     "after %", "failed attempts", "failed answers", "p99 before", "during", "after ms");
  for (std::size_t i = 0; i != members_of(o); ++i) {
    out += fmt::format("  {:<8}", backends[i].name);
    for (auto const& p : parts_of(plan)) out += fmt::format("{:>9.1f}", 100 * o.share(i, p.from, p.to));
    out += fmt::format("{:>17}{:>16}", o.failed_attempts(i, 0, plan.seconds), failed_requests_of(o, i));
    out += latency_of(o, static_cast<int>(i));
  }
  out += fmt::format("  {:<68}", "all") + latency_of(o, -1);
  for (auto const& [text, count] : o.failures) out += fmt::format("  failure {} ×: {}\n", count, text);
  constexpr std::size_t most_events = 24;
  for (std::size_t i = 0; i != o.events.size() && i != most_events; ++i)
    out +=
        fmt::format("  {:6.3f} s {} {}\n", o.events[i].at, o.events[i].logged ? "log   " : "action", o.events[i].text);
  if (o.events.size() > most_events) out += fmt::format("  … and {} more events\n", o.events.size() - most_events);
  return out + fmt::format("  explain: {}\n", o.explain);
}

json json_of(latencies const& l) { return {{"p50", l.p50}, {"p99", l.p99}, {"p99.9", l.p999}}; }

json json_of(observation const& o) {
  json list = json::array(), events = json::array();
  for (std::size_t i = 0; i != members_of(o); ++i) {
    json shares = json::object(), latency = json::object();
    for (auto const& p : parts_of(*o.plan)) {
      shares[p.name] = o.share(i, p.from, p.to);
      latency[p.name] = json_of(o.latency(static_cast<int>(i), p.from, p.to));
    }
    list.push_back({{"name", backends[i].name},
                    {"share", shares},
                    {"latency_ms", latency},
                    {"failed_attempts", o.failed_attempts(i, 0, o.plan->seconds)},
                    {"failed_answers", failed_requests_of(o, i)}});
  }
  for (std::size_t i = 0; i != std::min(o.events.size(), most_events_in_json); ++i) {
    auto const& e = o.events[i];
    events.push_back({{"at", e.at}, {"source", e.logged ? "log" : "action"}, {"text", e.text}});
  }
  return {{"policy", o.plan->processes.policy},
          {"label", o.plan->label},
          {"seconds", o.plan->seconds},
          {"trouble", {{"begins", o.plan->begins}, {"ends", o.plan->ends}}},
          {"requests", o.requests.size()},
          {"failures", o.failed_requests()},
          {"failure_texts", o.failures},
          {"backends", list},
          {"events", events},
          {"explain", o.explain},
          {"proxy_exit", o.proxy_exit}};
}

}  // namespace

std::vector<promise> judge(trouble const& what, std::vector<observation> const& seen) {
  std::vector<promise> out;
  auto const add = [&](std::string const& label, promise p) {
    p.text = what.name + (label.empty() ? "" : ", " + label) + ": " + p.text;
    out.push_back(std::move(p));
  };
  bool drained = true;
  for (auto const& o : seen) {
    drained = drained && o.proxy_exit == 0;
    for (auto const& expect : o.plan->promises)
      add(what.runs.size() == 1 ? "" : o.plan->label.empty() ? o.plan->processes.policy : o.plan->label, expect(o));
  }
  for (auto const& expect : what.comparisons) add("", expect(seen));
  add("", {"the proxy drains and exits with code 0", drained, drained ? "each time" : "not each time"});
  return out;
}

std::string table(trouble_outcome const& outcome) {
  std::string out = fmt::format("\n== {}: {}\n", outcome.what->name, outcome.what->summary);
  for (auto const& o : outcome.seen) {
    out += outcome.what->table ? outcome.what->table(o) : table_of(o);
    if (o.proxy_exit != 0) out += "log of its proxy:\n" + o.proxy_log;
  }
  out += '\n';
  for (auto const& p : outcome.promises)
    out += fmt::format("  {} {} ({})\n", p.kept ? "kept  " : "BROKEN", p.text, p.evidence);
  return out;
}

std::string as_json(settings const& options, double seconds, std::vector<trouble_outcome> const& all) {
  json scenarios = json::array();
  bool kept = true;
  for (auto const& t : all) {
    json promises = json::array(), runs = json::array();
    for (auto const& p : t.promises)
      promises.push_back({{"promise", p.text}, {"kept", p.kept}, {"evidence", p.evidence}});
    for (auto const& o : t.seen) runs.push_back(json_of(o));
    kept = kept && all_kept(t.promises);
    scenarios.push_back({{"scenario", t.what->name},
                         {"summary", t.what->summary},
                         {"kept", all_kept(t.promises)},
                         {"promises", promises},
                         {"runs", runs}});
  }
  return json{{"kept", kept}, {"seconds", seconds}, {"rate", options.rate}, {"scenarios", scenarios}}.dump(
             2, ' ', false, json::error_handler_t::replace) +
         '\n';
}

}  // namespace demo
