// SPDX-License-Identifier: MIT
// What the replays share: reading the fields of a file with errors that name them, and a result.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace conform {

using nlohmann::json;

struct server {
  std::string name;
  std::uint32_t weight;
};
inline std::string_view key_of(server const& s) { return s.name; }
inline std::uint32_t weight_of(server const& s) { return s.weight; }

// Thrown with the reason why a file is not replayed.
struct skipped : std::runtime_error {
  using runtime_error::runtime_error;
};

// Makes a text from a file fit into one line.
inline std::string line_of(std::string text, std::size_t longest) {
  if (text.size() > longest) {
    while (longest != 0 && (static_cast<unsigned char>(text[longest]) & 0xC0) == 0x80)
      --longest;  // not inside a character
    text.resize(longest);
    text += "…";
  }
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return text;
}

// Reading the fields of a file. An error names the field.

// The place of a value: picks, picks[3], backends[3].name.
struct place {
  std::string_view name;
  std::optional<std::size_t> index = std::nullopt;
  std::string_view field = {};

  std::string text() const {
    std::string all{name};
    if (index) all += "[" + std::to_string(*index) + "]";
    if (!field.empty()) all += (all.empty() ? "" : ".") + std::string{field};
    return all;
  }
};

inline std::string shown(json const& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "'" + line_of(value.get<std::string>(), 60) + "'";
  return value.dump();
}

[[noreturn]] inline void is_not(json const& value, place const& at, std::string const& wanted) {
  throw skipped(at.text() + " is " + shown(value) + ", not " + wanted);
}

inline json const& field_of(json const& object, place const& at) {
  auto const found = object.find(at.field);
  if (found == object.end()) throw skipped(at.text() + " is missing");
  return *found;
}
inline json const& as_object(json const& value, place const& at) {
  if (!value.is_object()) is_not(value, at, "an object");
  return value;
}
inline json const& as_list(json const& value, place const& at) {
  if (!value.is_array()) is_not(value, at, "a list");
  if (value.empty()) throw skipped(at.text() + " is empty");
  return value;
}
inline std::string as_text(json const& value, place const& at) {
  if (!value.is_string()) is_not(value, at, "a string");
  auto text = value.get<std::string>();
  if (text.empty()) throw skipped(at.text() + " is empty");
  return text;
}
inline constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();
// An integer exactly as it is written. Nothing is rounded, cut off or wrapped around.
inline std::int64_t as_integer(json const& value, place const& at, std::int64_t least, std::int64_t most) {
  bool const fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{unbounded};
  if (!value.is_number_integer() || !fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most)
    is_not(value, at, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return value.get<std::int64_t>();
}

struct result {
  std::size_t equal = 0, asked = 0;
  std::vector<std::string> differences;
  std::string note;  // what of the file is not compared

  // Counts one answer.
  void compare(std::string const& what, std::string const& theirs, std::string const& ours) {
    ++asked;
    if (ours == theirs)
      ++equal;
    else if (differences.size() < 5)
      differences.push_back(what + ": recorded is " + theirs + ", we have " + ours);
  }
};

// Notes a comparison.
inline void compare(result& r, std::string const& what, std::string const& theirs, std::string const& ours) {
  ++r.asked;
  if (ours == theirs)
    ++r.equal;
  else if (r.differences.size() < 5)
    r.differences.push_back(what + ": recorded is " + theirs + ", we have " + ours);
}

inline std::chrono::nanoseconds seconds(double s) { return std::chrono::nanoseconds{std::llround(s * 1e9)}; }
// "0.4s" or "300ms", at the place.
std::chrono::nanoseconds duration_in(json const& value, place const& at);

// Whether it is a file about active checks, and what became of it.
bool is_active_checks(json const& file);
result replay_active_checks(json const& file);
// Whether it is a file about outlier detection, and what became of it.
bool is_outlier_detection(json const& file);
result replay_outlier_detection(json const& file);
// The same for the weights that load reports stand for.
bool is_load_reports(json const& file);
result replay_load_reports(json const& file);
// The same for servers whose state agents, checks and answers decide.
bool is_server_states(json const& file);
result replay_server_states(json const& file);
// The same for nginx's round robin with failing backends.
bool is_nginx_upstream(json const& file);
result replay_nginx_upstream(json const& file);

// The same for Envoy's slow start.
bool is_slow_start(json const& file);
result replay_slow_start(json const& file);

// The same for levels of priority.
bool is_priority_levels(json const& file);
result replay_priority_levels(json const& file);

// The same for zone aware routing.
bool is_zone_aware(json const& file);
result replay_zone_aware(json const& file);

}  // namespace conform
