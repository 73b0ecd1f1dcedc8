// SPDX-License-Identifier: MIT
// A load report of a backend (ORCA: Open Request Cost Aggregation), as it stands in the header of a response.
//
//   endpoint-load-metrics: TEXT cpu_utilization=0.3, rps_fractional=120, named_metrics.queue=4
//
//   if (auto const report = equipoise::orca_report::parse(header)) weights.report(lease.id(), *report, now);
//
// This header reads the form TEXT. <equipoise/with/orca_json.hpp> reads the form JSON too.
//
// Sources: xds/data/orca/v3/orca_load_report.proto; orca_parser.cc of Envoy 1.40.
#pragma once

#include <equipoise/core/policy/parameter.hpp>
#include <equipoise/core/result.hpp>

#include <array>
#include <cmath>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What a backend says of its load. A number that it does not say is 0.
struct orca_report {
  /// Names and numbers; each name once.
  using metrics = std::vector<std::pair<std::string, double>>;

  double cpu_utilization = 0;          ///< share of the processors that is used; may exceed 1
  double mem_utilization = 0;          ///< share of the memory that is used
  double application_utilization = 0;  ///< how busy the application finds itself; may exceed 1
  double rps_fractional = 0;           ///< requests per second
  double eps = 0;                      ///< errors per second
  metrics named_metrics{};             ///< the application's own numbers
  metrics utilization{};               ///< shares of other resources
  metrics request_cost{};              ///< what this one request took

  friend bool operator==(orca_report const&, orca_report const&) = default;

  /// Reads `TEXT name=value, …`, or why it cannot be read; nothing of a bad report counts. Names are those of the
  /// numbers above; those in a map have its name in front: `named_metrics.queue`. A colon may stand for the equals
  /// sign. A name that is unknown, empty or there twice is a mistake, and so are a value that is no finite number, and
  /// more than 1 000 names. Allocates; O(length + names²).
  static result<orca_report> parse(std::string_view header) {
    constexpr std::string_view prefix = "TEXT ";
    if (!header.starts_with(prefix)) return refused("begins with", header.substr(0, prefix.size()), "not with TEXT");
    orca_report r;
    metrics seen;
    for (std::string_view rest = header.substr(prefix.size()); !rest.empty();) {
      auto const length = rest.find(',');
      std::string_view const pair = trimmed(rest.substr(0, length));
      rest.remove_prefix(length == rest.npos ? rest.size() : length + 1);
      if (pair.empty()) continue;
      auto const sign = pair.find_first_of("=:");
      std::string_view const name = trimmed(pair.substr(0, sign));
      std::string_view const digits = sign == pair.npos ? std::string_view{} : trimmed(pair.substr(sign + 1));
      if (!add(seen, name, 0)) return refused("names", name, "which is empty, there twice, or one too many");
      auto const value = detail::number_in(digits);
      if (!value || !std::isfinite(*value)) return refused("has the value", digits, "which is no finite number");
      if (!r.set(name, *value)) return refused("names", name, "which is unknown");
    }
    return r;
  }

  /// Sets the number of that name, as parse() knows it. False if there is none, if it is in a map already, or if the
  /// map has 1 000 names. Allocates.
  bool set(std::string_view name, double value) {
    for (auto const& [known, number] : numbers())
      if (name == known) return this->*number = value, true;
    for (auto const& [known, map] : maps())
      if (name.starts_with(known) && name.substr(known.size()).starts_with('.'))
        return add(this->*map, name.substr(known.size() + 1), value);
    return false;
  }

  /// The largest of the numbers with that name: one number, or all of a map for a name such as "named_metrics.*"; 0 if
  /// none is above it. O(numbers in the map).
  double largest(std::string_view name) const noexcept {
    double most = 0;
    for (auto const& [known, number] : numbers())
      if (name == known && most < this->*number) most = this->*number;
    for (auto const& [known, map] : maps()) {
      if (!name.starts_with(known) || !name.substr(known.size()).starts_with('.')) continue;
      std::string_view const wanted = name.substr(known.size() + 1);
      for (auto const& [key, value] : this->*map)
        if (wanted == "*" || wanted == key) most = most < value ? value : most;
    }
    return most;
  }

  // The names, for the readers of other forms.
  struct named_number {
    std::string_view name;
    double orca_report::*number;
  };
  struct named_map {
    std::string_view name;
    metrics orca_report::*map;
  };
  static constexpr std::array<named_number, 5> numbers() noexcept {
    return {{{"cpu_utilization", &orca_report::cpu_utilization},
             {"mem_utilization", &orca_report::mem_utilization},
             {"application_utilization", &orca_report::application_utilization},
             {"rps_fractional", &orca_report::rps_fractional},
             {"eps", &orca_report::eps}}};
  }
  static constexpr std::array<named_map, 3> maps() noexcept {
    return {{{"named_metrics", &orca_report::named_metrics},
             {"utilization", &orca_report::utilization},
             {"request_cost", &orca_report::request_cost}}};
  }

 private:
  static constexpr std::size_t most_names = 1000;

  static bool add(metrics& to, std::string_view name, double value) {
    if (name.empty() || to.size() == most_names) return false;
    for (auto const& [known, unused] : to)
      if (known == name) return false;
    to.emplace_back(name, value);
    return true;
  }
  static std::string_view trimmed(std::string_view text) noexcept {
    auto const first = text.find_first_not_of(" \t");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
  }
  static result<orca_report> refused(char const* what, std::string_view text, char const* why) {
    return result<orca_report>::failure("equipoise: a load report " + std::string{what} + " '" +
                                        std::string{text.substr(0, 60)} + "', " + why);
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
