// SPDX-License-Identifier: MIT
// Durations with a unit, as in configuration files: 250ms, 10s, 1.5s, 2m, 1h.
#pragma once

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace proxy {

inline std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  struct {
    std::string_view name;
    double nanoseconds;
  } const units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  auto const digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == text.npos) return {};
  std::string const number{text.substr(0, digits)};
  char* end = nullptr;
  double const value = std::strtod(number.c_str(), &end);  // libc++ has no from_chars for double
  if (*end != '\0') return {};
  for (auto const& unit : units)
    if (text.substr(digits) == unit.name && value * unit.nanoseconds < 1e18)
      return std::chrono::nanoseconds{std::llround(value * unit.nanoseconds)};
  return {};
}

inline std::string format_duration(std::chrono::nanoseconds time) {
  struct {
    char const* name;
    long long nanoseconds;
  } const units[] = {
      {"h", 3600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}};
  for (auto const& unit : units)
    if (time.count() != 0 && time.count() % unit.nanoseconds == 0)
      return std::to_string(time.count() / unit.nanoseconds) + unit.name;
  return std::to_string(time.count()) + "ns";
}

}  // namespace proxy
