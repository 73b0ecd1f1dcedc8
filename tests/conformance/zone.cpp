// SPDX-License-Identifier: MIT
// Replays how Envoy's zone aware routing shared requests among zones: the recorded counts have to be within five
// standard deviations of what the rule gives.
#include "conform.hpp"

#include <equipoise/policy/zone_routing.hpp>

#include <cmath>

namespace conform {
namespace {

using namespace equipoise;

std::map<std::string, std::uint64_t> numbers_in(json const& scenario, std::string_view field) {
  std::map<std::string, std::uint64_t> all;
  for (auto const& [zone, n] : as_object(field_of(scenario, {"scenario", {}, field}), {field}).items())
    all[zone] = static_cast<std::uint64_t>(as_integer(n, {field, {}, zone}, 0, 1'000'000'000));
  return all;
}

// The part of the work that each zone gets.
std::map<std::string, double> shares_of(json const& scenario) {
  auto const local = numbers_in(scenario, "local"), upstream = numbers_in(scenario, "upstream");
  auto const own = as_text(field_of(scenario, {"scenario", {}, "local_zone"}), {"local_zone"});
  auto const least = static_cast<std::uint64_t>(
      as_integer(field_of(scenario, {"scenario", {}, "min_cluster_size"}), {"min_cluster_size"}, 0, 1'000'000'000));
  std::vector<std::string> names;
  std::vector<zone_balance> zones;
  std::uint64_t backends = 0;
  std::size_t at = upstream.size();
  auto const callers_in = [&](std::string const& zone) { return local.contains(zone) ? local.at(zone) : 0; };
  for (auto const& [zone, n] : upstream) {
    if (zone == own) at = zones.size();
    names.push_back(zone);
    zones.push_back({callers_in(zone), n});
    backends += n;
  }
  std::map<std::string, double> share;
  if (backends == 0) throw skipped("upstream has no hosts");
  if (backends < least || upstream.size() < 2 || local.size() < 2 || callers_in(own) == 0) {
    for (auto const& [zone, n] : upstream) share[zone] = static_cast<double>(n) / static_cast<double>(backends);
    return share;
  }
  for (auto const& [zone, n] : local)  // callers in zones without backends
    if (!upstream.contains(zone)) zones.push_back({n, 0});
  std::vector<std::uint32_t> rest(zones.size());
  double const stays = route_by_zone(zones, at, rest) / static_cast<double>(all_work);
  double sum = 0;
  for (auto const r : rest) sum += r;
  for (std::size_t i = 0; i != names.size(); ++i)
    share[names[i]] =
        (i == at ? stays : 0) + (1 - stays) * (sum > 0 ? rest[i] / sum : 1 / static_cast<double>(names.size()));
  return share;
}

// The same where zones are weighed by what their backends report.
std::map<std::string, double> weighed_shares_of(json const& scenario) {
  zone_weight_rules rules;
  for (auto const& setting :
       as_object(field_of(scenario, {"scenario", {}, "configuration"}), {"configuration"}).items()) {
    place const at{"configuration", {}, setting.key()};
    if (!setting.value().is_number()) is_not(setting.value(), at, "a number");
    if (setting.key() == "remote_probe_fraction")
      rules.least_elsewhere = setting.value().get<double>();
    else if (setting.key() == "utilization_variance_threshold")
      rules.most_over_others = setting.value().get<double>();
    else
      throw skipped(at.text() + " is not supported yet");
  }
  auto const& own = field_of(scenario, {"scenario", {}, "local_zone"});
  std::vector<std::string> names;
  std::vector<zone_utilization> zones;
  std::size_t at = ~std::size_t{0};
  for (auto const& [zone, reports] :
       as_object(field_of(scenario, {"scenario", {}, "utilisation"}), {"utilisation"}).items()) {
    if (!own.is_null() && as_text(own, {"local_zone"}) == zone) at = zones.size();
    double sum = 0, reporting = 0;
    for (auto const& u : as_list(reports, {"utilisation", {}, zone})) {
      if (!u.is_number()) is_not(u, {"utilisation", {}, zone}, "a list of numbers");
      if (u.get<double>() > 0) sum += u.get<double>(), ++reporting;
    }
    names.push_back(zone);
    zones.push_back({reports.size(), reporting > 0 ? sum / reporting : 0});
  }
  std::vector<double> weights(zones.size());
  weigh_zones(zones, at, rules, weights);
  double sum = 0;
  for (double w : weights) sum += w;
  std::map<std::string, double> share;
  for (std::size_t i = 0; i != names.size(); ++i) share[names[i]] = sum > 0 ? weights[i] / sum : 0;
  return share;
}

bool is_weighed(json const& file) { return file.value("kind", std::string{}).starts_with("load aware locality"); }

}  // namespace

bool is_zone_aware(json const& file) {
  return is_weighed(file) || file.value("kind", std::string{}).starts_with("zone aware routing");
}

result replay_zone_aware(json const& file) {
  result r;
  for (auto const& s : as_list(field_of(file, {{}, {}, "scenarios"}), {"scenarios"})) {
    auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
    auto const n =
        static_cast<double>(as_integer(field_of(s, {"scenario", {}, "requests"}), {"requests"}, 1, 1'000'000'000));
    auto const counts = numbers_in(s, "counts");
    for (auto const& [zone, share] : is_weighed(file) ? weighed_shares_of(s) : shares_of(s)) {
      double const theirs = counts.contains(zone) ? static_cast<double>(counts.at(zone)) : 0, ours = n * share;
      ++r.asked;
      if (std::abs(theirs - ours) <= 5 * std::sqrt(ours * (1 - share)) + 1)  // and one for rounding
        ++r.equal;
      else if (r.differences.size() < 5)
        r.differences.push_back(name + ", zone " + zone + ": recorded is " + std::to_string(std::llround(theirs)) +
                                ", we have " + std::to_string(std::llround(ours)));
    }
  }
  return r;
}

}  // namespace conform
