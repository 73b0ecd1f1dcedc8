// SPDX-License-Identifier: MIT
// The answers of a health_report as JSON, with nlohmann's library.
//
//   auto const answer = report.readiness(std::chrono::steady_clock::now());
//   respond(answer.http_status(), "application/json", equipoise::health_page(answer,
//   std::chrono::system_clock::now()));
//
// Names and messages may hold any bytes: they are escaped, and what is not UTF-8 becomes U+FFFD.
#pragma once

#include <equipoise/health/health_report.hpp>
#include <equipoise/health/timestamp.hpp>
#include <equipoise/with/nlohmann_json.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Which details a page has. They tell an attacker what a server depends on and why it fails, so they are for
/// operators.
enum class health_details : std::uint8_t {
  hidden,
  shown,
};

namespace detail {
inline wall_time to_wall_time(std::chrono::system_clock::time_point t) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(t);
}
inline double in_seconds(std::chrono::nanoseconds t) noexcept {
  return static_cast<double>(std::chrono::floor<std::chrono::milliseconds>(t).count()) / 1000;
}
}  // namespace detail

/// {"status": "healthy" or "unhealthy", "checks": {name: true or false}, "uptime": seconds, "timestamp": ISO 8601}, on
/// one line, for `application/json`. "healthy" goes with status 200. A check is true if it passes, if only degraded; it
/// is false if it fails or is unknown. So a healthy server may have a check that is false, if that one is not critical
/// or a shared dependency. O(checks²).
inline std::string health_page(health_answer const& a, std::chrono::system_clock::time_point now) {
  auto checks = nlohmann::ordered_json::object();
  for (auto const& c : a.checks) checks[c.name] = c.is_passing();
  return json_text({{"status", a.http_status() == 200 ? "healthy" : "unhealthy"},
                    {"checks", std::move(checks)},
                    {"uptime", detail::in_seconds(a.uptime)},
                    {"timestamp", iso_8601(detail::to_wall_time(now))}});
}

/// The content type of health_json().
inline constexpr std::string_view health_json_type = "application/health+json";

/// {"status": "pass", "warn" or "fail", "checks": {name: [{"status", …}]}} for `application/health+json`. A check that
/// is unknown has the status "fail", because that format has no other word. With details also what each check took in
/// milliseconds, the time of its latest result, its output unless it passes, its counts, and the phase. O(checks²).
/// Source: draft-inadarei-api-health-check-06.
inline std::string health_json(health_answer const& a, std::chrono::system_clock::time_point now,
                               health_details details = health_details::hidden) {
  bool const is_shown = details == health_details::shown;
  auto const at = detail::to_wall_time(now);
  auto checks = nlohmann::ordered_json::object();
  for (auto const& c : a.checks) {
    bool const is_unknown = c.status == health_status::unknown;
    nlohmann::ordered_json entry;
    entry["status"] = to_string(is_unknown ? health_status::fail : c.status);
    if (is_shown) {
      if (c.age) {
        using milliseconds = std::chrono::duration<double, std::milli>;
        entry["observedValue"] = milliseconds{std::chrono::floor<std::chrono::microseconds>(c.took)}.count();
        entry["observedUnit"] = "ms";
        entry["time"] = iso_8601(at - std::chrono::floor<std::chrono::milliseconds>(*c.age));
      }
      if (is_unknown)
        entry["output"] = c.age ? "the latest result is too old" : "no result yet";
      else if (c.status != health_status::pass || c.against != 0)
        entry["output"] = c.output;
      entry["critical"] = c.critical;
      entry["sharedDependency"] = c.shared_dependency;
      entry["resultsAgainst"] = c.against;
      entry["passed"] = c.counts.passed;
      entry["degraded"] = c.counts.degraded;
      entry["failed"] = c.counts.failed;
      entry["timeouts"] = c.counts.timeouts;
      entry["late"] = c.counts.late;
    }
    checks[c.name] = nlohmann::ordered_json::array({std::move(entry)});
  }
  nlohmann::ordered_json page;
  page["status"] = to_string(a.status);
  if (is_shown) {
    page["notes"] = nlohmann::ordered_json::array({to_string(a.phase)});
    page["uptime"] = detail::in_seconds(a.uptime);
    page["timestamp"] = iso_8601(at);
  }
  page["checks"] = std::move(checks);
  return json_text(page);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
