// SPDX-License-Identifier: MIT
// Replays load reports: each backend sends the recorded one, and the pool has to get the recorded weights. The order of
// the picks that follow is that of another policy, and is not compared.
#include "conform.hpp"

#include <equipoise/health/orca_weights.hpp>

#include <cmath>
#include <sstream>

namespace conform {
namespace {

using namespace equipoise;

std::string text_of(double value) {
  std::ostringstream text;
  text.precision(17);
  text << value;
  return text.str();
}

// As the recorder's backends sent it.
orca_report report_in(json const& fields, place const& at) {
  std::string header = "TEXT ";
  for (auto const& [name, value] : as_object(fields, at).items()) {
    if (!value.is_number()) is_not(value, {at.name, at.index, name}, "a number");
    header += name + "=" + text_of(value.get<double>()) + ", ";
  }
  auto const report = orca_report::parse(header);
  if (!report) throw skipped(at.text() + ": " + report.error());
  return *report;
}

double number_or(json const& object, char const* name, double preset) {
  auto const found = object.find(name);
  if (found == object.end() || found->is_null()) return preset;
  if (!found->is_number()) is_not(*found, {"configuration", {}, name}, "a number");
  return found->get<double>();
}

template <class Rules>
void weights(result& r, json const& s, orca_options const& o) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  auto const& reports = as_list(field_of(s, {"scenario", {}, "reports"}), {"reports"});
  auto const& theirs = as_list(field_of(s, {"scenario", {}, "weights"}), {"weights"});
  if (theirs.size() != reports.size())
    throw skipped("weights has " + std::to_string(theirs.size()) + " entries, but reports has " +
                  std::to_string(reports.size()));
  equipoise::pool<server> pool;
  orca_weights<server, Rules> ours{pool, o};
  std::vector<backend_id> ids;
  for (std::size_t i = 0; i != reports.size(); ++i) ids.push_back(pool.add({std::to_string(i), 1}));
  time_point const now{std::chrono::hours{1}};
  std::vector<std::optional<double>> known;
  for (std::size_t i = 0; i != ids.size(); ++i) {
    if (!reports[i].is_null()) ours.report(ids[i], report_in(reports[i], {"reports", i}), now);
    known.push_back(ours.weight(ids[i], now));
  }
  ours.update(now);
  auto const integers = Rules::integers(known);
  bool const has_scaled = s.contains("scaled") && s["scaled"].is_array() && s["scaled"].size() == ids.size();
  for (std::size_t i = 0; i != ids.size(); ++i) {
    std::string const what = name + ", backend " + std::to_string(i);
    bool const is_real = std::is_same_v<Rules, grpc_orca_rules>;  // known weights as they are, 0 for the others
    std::uint32_t in_pool = 0;
    pool.visit(ids[i], [&](auto const&, attributes const& a, health_flag) { in_pool = a.weight; });
    if (!theirs[i].is_number()) is_not(theirs[i], {"weights", i}, "a number");
    r.compare(what, text_of(theirs[i].get<double>()), is_real ? text_of(known[i].value_or(0)) : text_of(in_pool));
    if (has_scaled) r.compare(what + ", scaled", s["scaled"][i].dump(), std::to_string(integers[i]));
  }
}

}  // namespace

bool is_load_reports(json const& file) {
  auto const scenarios = file.find("scenarios");
  return scenarios != file.end() && scenarios->is_array() && !scenarios->empty() && scenarios->front().is_object() &&
         scenarios->front().contains("reports");
}

result replay_load_reports(json const& file) {
  result r;
  auto const system = as_text(field_of(file, {{}, {}, "system"}), {"system"});
  for (auto const& s : as_list(field_of(file, {{}, {}, "scenarios"}), {"scenarios"})) {
    auto const& configuration =
        as_object(field_of(as_object(s, {"scenario"}), {"scenario", {}, "configuration"}), {"configuration"});
    orca_options o;
    o.blackout = std::chrono::nanoseconds{0};
    if (system == "envoy") {
      o.error_penalty = number_or(configuration, "error_utilization_penalty", 0);
      for (auto const& metric :
           field_of(configuration, {"configuration", {}, "metric_names_for_computing_utilization"}))
        o.metrics.push_back(as_text(metric, {"metric_names_for_computing_utilization"}));
      weights<envoy_orca_rules>(r, s, o);
    } else if (system.starts_with("grpc")) {
      o.error_penalty = number_or(configuration, "errorUtilizationPenalty", 1);
      weights<grpc_orca_rules>(r, s, o);
    } else {
      throw skipped("load reports of " + line_of(system, 60) + " are not supported yet");
    }
  }
  r.note = "the weights; the picks are not compared";
  return r;
}

}  // namespace conform
