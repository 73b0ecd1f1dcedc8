// SPDX-License-Identifier: MIT
// Replays what outlier detection did in Envoy and in gRPC: the same outcomes, and the same backends have to be out.
#include "conform.hpp"

#include <equipoise/health/outlier_detection.hpp>

#include <cmath>
#include <set>

namespace conform {
namespace {

using namespace equipoise;
using std::chrono::nanoseconds;

outlier_options options_in(json const& configuration) {
  outlier_options o;
  o.most_ejected = 10;
  for (auto const& setting : as_object(configuration, {"configuration"}).items()) {
    std::string const& name = setting.key();
    json const& value = setting.value();
    place const at{"configuration", {}, name};
    auto const number = [&] { return static_cast<std::uint32_t>(as_integer(value, at, 0, 1'000'000)); };
    if (name == "consecutive_5xx")
      o.errors.failures = number();
    else if (name == "consecutive_gateway_failure")
      o.gateway_errors.failures = number();
    else if (name == "consecutive_local_origin_failure")
      o.local_errors.failures = number();
    else if (name == "enforcing_consecutive_5xx")
      o.errors.enforced = number();
    else if (name == "enforcing_consecutive_gateway_failure")
      o.gateway_errors.enforced = number();
    else if (name == "enforcing_consecutive_local_origin_failure")
      o.local_errors.enforced = number();
    else if (name == "max_ejection_percent" || name == "maxEjectionPercent")
      o.most_ejected = number();
    else if (name == "always_eject_one_host")
      o.always_one = value.get<bool>();
    else if (name == "split_external_local_origin_errors")
      o.split_local = value.get<bool>();
    else if (name == "enforcing_success_rate")
      o.success_rate.enforced = number();
    else if (name == "success_rate_minimum_hosts")
      o.success_rate.least_backends = number();
    else if (name == "success_rate_request_volume")
      o.success_rate.least_requests = number();
    else if (name == "success_rate_stdev_factor")
      o.success_rate.deviations = number() / 1000.0;
    else if (name == "enforcing_failure_percentage")
      o.failures.enforced = number();
    else if (name == "failure_percentage_threshold")
      o.failures.percent = number();
    else if (name == "failure_percentage_minimum_hosts")
      o.failures.least_backends = number();
    else if (name == "failure_percentage_request_volume")
      o.failures.least_requests = number();
    else if (name == "interval_s")
      o.interval = seconds(value.get<double>());
    else if (name == "interval")
      o.interval = duration_in(value, at);
    else if (name == "base_ejection_time" || name == "baseEjectionTime")
      o.base_time = duration_in(value, at);
    else if (name == "max_ejection_time" || name == "maxEjectionTime")
      o.most_time = duration_in(value, at);
    else if (name == "successRateEjection" || name == "failurePercentageEjection") {
      bool const is_rate = name[0] == 's';
      double& enforced = is_rate ? o.success_rate.enforced : o.failures.enforced;
      for (auto const& [inner, inner_value] : as_object(value, at).items()) {
        auto const n = static_cast<std::uint32_t>(as_integer(inner_value, {name, {}, inner}, 0, 1'000'000));
        if (inner == "enforcementPercentage")
          enforced = n;
        else if (inner == "minimumHosts")
          (is_rate ? o.success_rate.least_backends : o.failures.least_backends) = n;
        else if (inner == "requestVolume")
          (is_rate ? o.success_rate.least_requests : o.failures.least_requests) = n;
        else if (inner == "stdevFactor" && is_rate)
          o.success_rate.deviations = n / 1000.0;
        else if (inner == "threshold" && !is_rate)
          o.failures.percent = n;
        else
          throw skipped(name + "." + inner + " is not supported yet");
      }
    } else
      throw skipped(at.text() + " is not supported yet");
  }
  return o;
}

// A pool of backends 0, 1, …, and the detection that watches them.
template <class Rules>
struct watched {
  equipoise::pool<server> pool;
  outlier_detection<server, Rules> detection;
  std::vector<backend_id> ids;

  watched(std::size_t hosts, outlier_options const& o) : detection{pool, o} {
    for (std::size_t i = 0; i != hosts; ++i) ids.push_back(pool.add({std::to_string(i), 1}));
  }
  void report(std::size_t host, outcome how, time_point now) { detection.report(ids[host], how, now); }
  std::set<std::size_t> ejected() const {
    std::set<std::size_t> out;
    for (std::size_t i = 0; i != ids.size(); ++i)
      if (pool.health(ids[i]) == health_flag::ejected) out.insert(i);
    return out;
  }
};

std::string text_of(std::set<std::size_t> const& hosts) {
  std::string text = "{";
  for (auto i : hosts) text += (text.size() > 1 ? " " : "") + std::to_string(i);
  return text + "}";
}

outcome outcome_of(json const& status, place const& at) {
  if (status.is_string() && status == "refused") return outcome::local_error;
  auto const code = as_integer(status, at, 100, 599);
  return code < 500 ? outcome::ok : code >= 502 && code <= 504 ? outcome::gateway_error : outcome::error;
}

void consecutive(result& r, json const& s) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  watched<envoy_outlier_rules> w{
      static_cast<std::size_t>(as_integer(field_of(s, {"scenario", {}, "hosts"}), {"hosts"}, 1, 10'000)),
      options_in(field_of(s, {"scenario", {}, "configuration"}))};
  std::set<std::size_t> out;
  auto const detected = [&] {
    auto const& c = w.detection.counts();
    std::map<std::string, std::uint64_t> n;
    auto const add = [&](char const* counter, std::uint64_t value) {
      if (value != 0) n[counter] = value;
    };
    add("ejections_detected_consecutive_5xx", c.detected[0]);
    add("ejections_detected_consecutive_gateway_failure", c.detected[1]);
    add("ejections_detected_consecutive_local_origin_failure", c.detected[2]);
    add("ejections_enforced_total", c.ejected[0] + c.ejected[1] + c.ejected[2]);
    add("ejections_overflow", c.too_many);
    return n;
  };
  std::map<std::string, std::uint64_t> counts;
  std::size_t number = 0;
  for (auto const& step : as_list(field_of(s, {"scenario", {}, "steps"}), {"steps"})) {
    place const at{"steps", number};
    as_list(step, at);
    if (step.size() != 2 && step.size() != 4) is_not(step, at, "a list of 2 or 4");
    auto const host = static_cast<std::size_t>(as_integer(step[0], at, 0, static_cast<std::int64_t>(w.ids.size()) - 1));
    w.report(host, outcome_of(step[1], at), time_point{});
    if (step.size() == 4) {
      for (auto const& [counter, by] : as_object(step[2], at).items()) counts[counter] += by.get<std::uint64_t>();
      out = step[3].get<std::set<std::size_t>>();
    }
    bool const same_counts = detected() == counts;
    r.compare(name + ", step " + std::to_string(number), text_of(out),
              text_of(w.ejected()) + (same_counts ? "" : " and other counts"));
    ++number;
  }
}

template <class Rules>
void statistics(result& r, json const& s, outlier_options o) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  auto const& traffic = as_list(field_of(s, {"scenario", {}, "traffic"}), {"traffic"});
  o.errors.failures = o.gateway_errors.failures = o.local_errors.failures = 0;
  watched<Rules> w{traffic.size(), o};
  for (std::size_t i = 0; i != traffic.size(); ++i) {
    auto const all = as_integer(traffic[i][0], {"traffic", i}, 0, 10'000'000);
    auto const bad = as_integer(traffic[i][1], {"traffic", i}, 0, all);
    for (std::int64_t k = 0; k != all; ++k) w.report(i, k < bad ? outcome::error : outcome::ok, time_point{});
  }
  w.detection.end_interval(time_point{o.interval});
  std::set<std::size_t> out;
  for (auto const& e : field_of(s, {"scenario", {}, "ejected"}))
    out.insert((e.is_object() ? e["host"] : e).template get<std::size_t>());
  r.compare(name, text_of(out), text_of(w.ejected()));
}

// The length of each ejection, within an interval and 50 ms, in virtual time.
void lengths(result& r, json const& s) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  auto o = options_in(field_of(s, {"scenario", {}, "configuration"}));
  o.most_ejected = 100;
  o.errors.failures = 1;
  watched<envoy_outlier_rules> w{1, o};
  nanoseconds const tick = o.interval / 10;  // how finely time passes
  time_point now{seconds(1000)};
  std::size_t ticks = 0;
  auto const pass = [&] {
    now += tick;
    if (++ticks % 10 == 0) w.detection.end_interval(now);
  };
  auto const& ejections = as_list(field_of(s, {"scenario", {}, "ejections"}), {"ejections"});
  for (std::size_t i = 0; i != ejections.size(); ++i) {
    auto const until = now + (ejections[i][0].is_null() ? nanoseconds{0} : seconds(ejections[i][0].get<double>()));
    while (now < until) pass();
    w.report(0, outcome::error, now);
    auto const left = now;
    while (!w.ejected().empty()) pass();
    double const ours = std::chrono::duration<double>(now - left).count(), theirs = ejections[i][1].get<double>();
    double const most = std::chrono::duration<double>(o.interval).count() + 0.05;
    std::string const shown = std::to_string(theirs);
    r.compare(name + ", ejection " + std::to_string(i), shown,
              std::abs(ours - theirs) <= most ? shown : std::to_string(ours));
  }
}

}  // namespace

bool is_outlier_detection(json const& file) {
  auto const kind = file.value("kind", std::string{});
  return kind.starts_with("outlier") || kind == "ejection times";
}

result replay_outlier_detection(json const& file) {
  result r;
  auto const system = as_text(field_of(file, {{}, {}, "system"}), {"system"});
  for (auto const& s : as_list(field_of(file, {{}, {}, "scenarios"}), {"scenarios"})) {
    if (system == "envoy" && s.contains("steps")) {
      consecutive(r, s);
    } else if (system == "envoy" && s.contains("ejections")) {
      lengths(r, s);
    } else if (s.contains("traffic")) {
      auto o = options_in(field_of(s, {"scenario", {}, "configuration"}));
      if (system == "envoy") {
        o.most_ejected = 100;  // as recorded: the limit is not in the file
        statistics<envoy_outlier_rules>(r, s, o);
      } else {
        auto const& named = s["configuration"];
        if (!named.contains("successRateEjection")) o.success_rate.enforced = 0;
        statistics<grpc_outlier_rules>(r, s, o);
      }
    } else {
      throw skipped("these scenarios are not supported yet");
    }
  }
  return r;
}

}  // namespace conform
