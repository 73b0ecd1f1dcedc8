// SPDX-License-Identifier: MIT
// Replays active checks of Envoy and of HAProxy: the same answers, and the backend has to be in the same state after
// each of them, and to be checked again after the same time. Time is virtual. What was recorded took some milliseconds
// more.
#include "conform.hpp"

#include <equipoise/health/check_scheduler.hpp>
#include <equipoise/health/http_check.hpp>

namespace conform {
namespace {

using namespace equipoise;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::uint32_t threshold_in(json const& object, char const* name) {
  place const at{"scenario", {}, name};
  return static_cast<std::uint32_t>(as_integer(field_of(object, at), at, 1, 1'000'000));
}

// A pool whose backends are checked, and a clock.
struct checked {
  equipoise::pool<server> pool;
  check_scheduler<server> scheduler;
  std::vector<backend_id> ids;
  time_point now{1h};

  checked(std::size_t backends, check_options const& o, pool_options const& p = {}) : pool{p}, scheduler{pool, o} {
    for (std::size_t i = 0; i != backends; ++i) ids.push_back(pool.add({std::to_string(i), 1}));
    scheduler.follow(now);
  }
  // Lets time pass until the next check.
  check_probe next() {
    for (;; now = scheduler.next_due())
      if (auto const probe = scheduler.next(now)) return probe;
  }
  bool is_up(std::size_t i) const { return pool.health(ids[i]) == health_flag::none; }
};

struct tolerance {
  nanoseconds less, more;
};
void compare_times(result& r, std::string const& what, json const& theirs, nanoseconds ours, tolerance t) {
  nanoseconds const difference = seconds(theirs.get<double>()) - ours;
  bool const is_equal = -t.less <= difference && difference <= t.more;
  std::string const shown = std::to_string(theirs.get<double>()) + " s";
  auto const text = std::to_string(std::chrono::duration<double>(ours).count()) + " s";
  compare(r, what, shown, is_equal ? shown : text);
}

json const& answers_in(json const& scenario, char const* name) {
  return as_list(field_of(scenario, {"scenario", {}, name}), {name});
}
std::int32_t status_in(json const& answers, char const* name, std::size_t k) {
  return static_cast<std::int32_t>(as_integer(answers[k], {name, k}, 100, 999));
}
// The list of what was seen after each check. It may be shorter than the answers.
json const& seen_in(json const& scenario, char const* name) {
  json const& list = field_of(scenario, {"scenario", {}, name});
  if (!list.is_array()) is_not(list, {"scenario", {}, name}, "a list");
  return list;
}

// Envoy.

struct envoy_settings {
  check_options intervals;
  std::vector<status_range> retriable;
};
envoy_settings envoy_settings_in(json const& configuration) {
  std::map<std::string, nanoseconds> given;
  envoy_settings s;
  for (auto const& setting : as_object(configuration, {"configuration"}).items()) {
    place const at{"configuration", {}, setting.key()};
    if (setting.key() == "retriable_statuses")
      for (json const& status : setting.value())
        s.retriable.push_back({static_cast<std::int32_t>(as_integer(status, at, 100, 999))});
    else if (setting.key().ends_with("interval"))
      given[setting.key()] = duration_in(setting.value(), at);
    else
      throw skipped(at.text() + " is not supported yet");
  }
  auto const interval = [&](char const* name, char const* preset) {
    auto const found = given.find(name);
    return found != given.end() ? found->second : given.at(preset);
  };
  if (given.count("interval") == 0) throw skipped("configuration.interval is missing");
  if (given.count("no_traffic_interval") != 0 && given["no_traffic_interval"] != given["interval"])
    throw skipped("configuration.no_traffic_interval is not supported yet");
  s.intervals = envoy_check_options(given["interval"], 5s, 1, 1);
  given["unhealthy_interval"] = s.intervals.down_interval = interval("unhealthy_interval", "interval");
  s.intervals.falling_interval = interval("unhealthy_edge_interval", "unhealthy_interval");
  s.intervals.rising_interval = interval("healthy_edge_interval", "interval");
  return s;
}

void envoy(result& r, json const& s, envoy_settings settings) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  settings.intervals.rise = threshold_in(s, "healthy_threshold");
  settings.intervals.fall = threshold_in(s, "unhealthy_threshold");
  auto const& answers = answers_in(s, "probes");
  auto const &healthy = seen_in(s, "healthy_after"), &gaps = seen_in(s, "gaps_s");
  auto const check = envoy_http_check({{200}}, settings.retriable);
  checked c{1, settings.intervals, {.joins_with = health_flag::down}};
  auto probe = c.next();
  for (std::size_t k = 0; k != answers.size(); ++k) {
    auto const started = c.now;
    c.scheduler.finish(probe, check.judge(status_in(answers, "probes", k)), c.now);
    std::string const what = name + ", probe " + std::to_string(k);
    if (k < healthy.size() && !healthy[k].is_null()) compare(r, what, healthy[k].dump(), json(c.is_up(0)).dump());
    probe = c.next();
    if (k < gaps.size() && !gaps[k].is_null()) compare_times(r, what, gaps[k], c.now - started, {10ms, 50ms});
  }
}

// HAProxy.

// As `show stat` prints it.
std::string shown(check_state const& s, check_options const& o) {
  auto const of = [&](std::uint32_t n, std::uint32_t all) {
    return s.against == 0 ? std::string{} : " " + std::to_string(n) + "/" + std::to_string(all);
  };
  if (s.standing == check_standing::down) return "DOWN" + of(s.against, o.rise);
  return (s.standing == check_standing::stopping ? "NOLB" : "UP") + of(o.fall - s.against, o.fall);
}

// The scenarios of one process have names that differ in the number at the end: the place of the server.
std::string process_of(std::string const& name) { return name.substr(0, name.find_last_not_of("0123456789") + 1); }

void haproxy(result& r, json const& s, std::size_t servers) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  auto const& server = as_object(field_of(s, {"scenario", {}, "server"}), {"server"});
  auto const& params = as_object(field_of(s, {"scenario", {}, "params"}), {"params"});
  for (auto const& p : params.items())
    if (p.key() != "balance" && p.key() != "option httpchk" && p.key() != "http-check disable-on-404")
      throw skipped("params." + p.key() + " is not supported yet");
  std::map<std::string, nanoseconds> intervals{{"inter", 2s}};
  for (auto const& word : server.items()) {
    place const at{"server", {}, word.key()};
    if (word.key() == "inter" || word.key() == "fastinter" || word.key() == "downinter")
      intervals[word.key()] = duration_in(word.value(), at);
    else if (word.key() != "weight" && word.key() != "check" && word.key() != "rise" && word.key() != "fall")
      throw skipped(at.text() + " is not supported yet");
  }
  auto const interval = [&](char const* of) { return intervals[intervals.count(of) != 0 ? of : "inter"]; };
  auto const number = [&](char const* of, std::uint32_t preset) {
    return server.contains(of) ? threshold_in(server, of) : preset;
  };
  auto const o = haproxy_check_options(intervals["inter"], interval("fastinter"), interval("downinter"),
                                       number("rise", 2), number("fall", 3));
  auto const check = haproxy_http_check(params.contains("http-check disable-on-404"));
  auto const& answers = answers_in(s, "checks");
  auto const &shows = seen_in(s, "shows"), &gaps = seen_in(s, "gaps_s");

  std::string const place_text = name.substr(process_of(name).size());
  std::size_t const place = place_text.empty() || place_text.size() > 6 ? 0 : std::stoul(place_text);
  if (place >= servers) throw skipped("name '" + line_of(name, 60) + "' has no place among the servers");
  checked c{servers, o};
  auto const began = c.now;
  auto probe = c.next();
  while (probe.id != c.ids[place]) {
    c.pool.remove(probe.id);  // the others are not asked again
    probe = c.next();
  }
  if (s.contains("first_s")) compare_times(r, name + ", first", s["first_s"], c.now - began, {10ms, 120ms});
  for (std::size_t i = 0; i != servers; ++i)
    if (i != place) c.pool.remove(c.ids[i]);
  for (std::size_t k = 0; k != answers.size(); ++k) {
    auto const started = c.now;
    c.scheduler.finish(probe, check.judge(status_in(answers, "checks", k)), c.now);
    std::string const what = name + ", check " + std::to_string(k);
    if (k < shows.size() && !shows[k].is_null())
      compare(r, what, as_text(shows[k], {"shows", k}), shown(*c.scheduler.report(probe.id), o));
    probe = c.next();
    if (k < gaps.size() && !gaps[k].is_null()) compare_times(r, what, gaps[k], c.now - started, {5ms, 120ms});
  }
}

}  // namespace

nanoseconds duration_in(json const& value, place const& at) {
  auto const text = as_text(value, at);
  std::size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (std::exception const&) {
  }
  std::string const unit = text.substr(end);
  if (end == 0 || (unit != "s" && unit != "ms")) is_not(value, at, "a number of seconds, or of milliseconds");
  return seconds(unit == "s" ? number : number / 1000);
}

bool is_active_checks(json const& file) {
  auto const kind = file.value("kind", std::string{});
  return kind.starts_with("active") || kind.starts_with("health checks");
}

result replay_active_checks(json const& file) {
  result r;
  auto const system = as_text(field_of(file, {{}, {}, "system"}), {"system"});
  auto const& scenarios = as_list(field_of(file, {{}, {}, "scenarios"}), {"scenarios"});
  if (system == "envoy") {
    auto const settings = envoy_settings_in(field_of(file, {{}, {}, "configuration"}));
    for (auto const& s : scenarios) envoy(r, s, settings);
  } else if (system == "haproxy") {
    std::map<std::string, std::size_t> servers;  // of each process
    for (auto const& s : scenarios) ++servers[process_of(as_text(field_of(s, {"scenario", {}, "name"}), {"name"}))];
    for (auto const& s : scenarios) haproxy(r, s, servers[process_of(s["name"].get<std::string>())]);
  } else {
    throw skipped(line_of(system, 60) + " checks are not supported yet");
  }
  return r;
}

}  // namespace conform
