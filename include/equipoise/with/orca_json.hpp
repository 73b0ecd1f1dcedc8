// SPDX-License-Identifier: MIT
// Load reports in the form JSON, with nlohmann's library.
//
//   endpoint-load-metrics: JSON {"cpu_utilization": 0.3, "named_metrics": {"queue": 4}}
//
//   if (auto const report = equipoise::parse_orca_header(header)) weights.report(lease.id(), *report, now);
#pragma once

#include <equipoise/health/orca_report.hpp>

#include <nlohmann/json.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
// cpu_utilization or cpuUtilization: whether `given` is the name in one of the two spellings of protobuf's JSON.
inline bool is_spelled(std::string_view given, std::string_view name) {
  std::string camel;
  for (std::size_t i = 0; i != name.size(); ++i)
    if (name[i] == '_' && i + 1 != name.size())
      camel += static_cast<char>(name[++i] - ('a' - 'A'));
    else
      camel += name[i];
  return given == name || given == camel;
}
// A finite number, or one as a text; null is 0.
inline bool read_number(nlohmann::json const& j, double& into) {
  std::optional<double> value;
  if (j.is_number()) value = j.get<double>();
  if (j.is_null()) value = 0;
  if (j.is_string()) value = number_in(j.get_ref<std::string const&>());
  if (!value || !std::isfinite(*value)) return false;
  into = *value;
  return true;
}
}  // namespace detail

/// Reads a report as protobuf writes it in JSON, or why it cannot be read; nothing of a bad report counts. Names are in
/// the spelling of the protocol or in lowerCamelCase; numbers may be texts. An unknown name is a mistake; `rps`, which
/// the protocol gave up, is not. Allocates; O(length + names²).
inline result<orca_report> parse_orca_json(std::string_view text) {
  auto const refused = [](std::string const& what) {
    return result<orca_report>::failure("equipoise: a load report " + what);
  };
  auto const j = nlohmann::json::parse(text, nullptr, false);
  if (j.is_discarded()) return refused("is not JSON");
  if (!j.is_object()) return refused("is not a JSON object");
  orca_report r;
  for (auto const& item : j.items()) {
    std::string const& name = item.key();
    bool is_known = name == "rps";
    for (auto const& [known, number] : orca_report::numbers())
      if (detail::is_spelled(name, known)) {
        is_known = true;
        if (!detail::read_number(item.value(), r.*number)) return refused("has no finite number for '" + name + "'");
      }
    for (auto const& [known, map] : orca_report::maps()) {
      if (!detail::is_spelled(name, known)) continue;
      is_known = true;
      if (item.value().is_null()) continue;
      if (!item.value().is_object()) return refused("has no object for '" + name + "'");
      for (auto const& entry : item.value().items()) {
        double value = 0;
        if (!detail::read_number(entry.value(), value) || !r.set(std::string{known} + "." + entry.key(), value))
          return refused("has no name or no finite number for '" + name + "." + entry.key() + "'");
      }
    }
    if (!is_known) return refused("names '" + name + "', which is unknown");
  }
  return r;
}

/// Reads the value of the header `endpoint-load-metrics` in the form TEXT or JSON. Allocates; O(length + names²).
inline result<orca_report> parse_orca_header(std::string_view header) {
  constexpr std::string_view json = "JSON ";
  return header.starts_with(json) ? parse_orca_json(header.substr(json.size())) : orca_report::parse(header);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
