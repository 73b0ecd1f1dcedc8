// Reads the fields of one TOML table, and refuses what it does not know.
#pragma once

#include "config.hpp"
#include "duration.hpp"
#include "endpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <limits>

namespace proxy {

// Takes fields out of one table. Whatever is left when it ends was not asked for by anybody, hence unknown.
class fields {
 public:
  fields(toml::table const& from, std::string where, std::string const& file)
      : table_{from}, where_{std::move(where)}, file_{file} {}

  toml::node const* find(std::string_view name) {
    known_.emplace_back(name);
    return table_.get(name);
  }

  [[noreturn]] void refuse(toml::node const& at, std::string const& message) const {
    throw config_error{fmt::format("{}:{}: {}", file_, at.source().begin.line, message)};
  }

  std::string text(std::string_view name, std::string fallback) {
    auto const* node = find(name);
    if (!node) return fallback;
    if (auto value = node->value_exact<std::string>()) return *value;
    refuse(*node, fmt::format("{}{} must be a text in quotes", prefix(), name));
  }

  template <class Number>
  void number(std::string_view name, Number& value, std::uint64_t least,
              std::uint64_t most = std::numeric_limits<Number>::max()) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<std::int64_t>();
    if (!given) refuse(*node, fmt::format("{}{} must be a whole number", prefix(), name));
    if (*given < 0 || static_cast<std::uint64_t>(*given) < least || static_cast<std::uint64_t>(*given) > most)
      refuse(*node, fmt::format("{}{} = {} is not within {} … {}", prefix(), name, *given, least, most));
    value = static_cast<Number>(*given);
  }

  void flag(std::string_view name, bool& value) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<bool>();
    if (!given) refuse(*node, fmt::format("{}{} must be true or false", prefix(), name));
    value = *given;
  }

  void duration(std::string_view name, std::chrono::nanoseconds& value) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<std::string>();
    auto const parsed = given ? parse_duration(*given) : std::nullopt;
    if (!parsed)
      refuse(*node, fmt::format("{}{} must be a duration in quotes, such as \"250ms\" or \"10s\"", prefix(), name));
    if (parsed->count() <= 0)
      refuse(*node, fmt::format("{}{} = \"{}\" must be more than zero", prefix(), name, *given));
    value = *parsed;
  }

  void address(std::string_view name, tcp::endpoint& value) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<std::string>();
    auto const parsed = given ? parse_endpoint(*given) : std::nullopt;
    if (!parsed)
      refuse(*node, fmt::format("{}{} = {} is not \"address:port\" (numbers: names are not looked up)", prefix(), name,
                                given ? '"' + *given + '"' : "that"));
    value = *parsed;
  }

  void no_others() const {
    for (auto&& [key, node] : table_)
      if (std::find(known_.begin(), known_.end(), key.str()) == known_.end())
        throw config_error{fmt::format("{}:{}: unknown field \"{}\" in {}; known: {}", file_, key.source().begin.line,
                                       key.str(), where_.empty() ? "the file" : '[' + where_ + ']',
                                       fmt::join(known_, ", "))};
  }

 private:
  std::string prefix() const { return where_.empty() ? "" : where_ + '.'; }

  toml::table const& table_;
  std::string where_;
  std::string const& file_;
  std::vector<std::string> known_;
};

}  // namespace proxy
