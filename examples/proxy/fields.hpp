// SPDX-License-Identifier: MIT
// Reads the fields of one TOML table and refuses unknown ones.
#pragma once

#include "config.hpp"
#include "duration.hpp"
#include "endpoint.hpp"
#include "toml.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <sstream>

namespace proxy {

config config_of(toml::table const& root, std::string const& file);  // throws config_error

// Remembers which fields of a table were asked for. no_others() refuses every other field as unknown.
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

  // Refuses the value of one field that is present: `checks.rise = 0 is …`.
  [[noreturn]] void refuse(std::string_view name, std::string_view problem) const {
    auto const& node = *table_.get(name);
    std::ostringstream value;
    if (auto const text = node.value_exact<std::string>())
      value << " = \"" << *text << '"';
    else
      node.visit([&](auto const& given) {
        if constexpr (toml::is_value<decltype(given)>) value << " = " << given;
      });
    refuse(node, fmt::format("{}{}{} {}", where_.empty() ? "" : where_ + '.', name, value.str(), problem));
  }

  [[noreturn]] void refuse_whole(std::string_view problem) const {
    refuse(table_, fmt::format("[{}] {}", where_, problem));
  }

  std::string text(std::string_view name, std::string fallback) {
    auto const* node = find(name);
    if (!node) return fallback;
    auto value = node->value_exact<std::string>();
    if (!value) refuse(name, "must be text in quotes");
    if (value->size() > longest_text) throw_too_long(*node, name, value->size());
    return *std::move(value);
  }

  template <class Number>
  void number(std::string_view name, Number& value, std::uint64_t minimum,
              std::uint64_t maximum = std::numeric_limits<Number>::max()) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<std::int64_t>();
    if (!given) refuse(name, "must be a whole number");
    if (*given < 0 || static_cast<std::uint64_t>(*given) < minimum || static_cast<std::uint64_t>(*given) > maximum)
      refuse(name, fmt::format("is not within {} … {}", minimum, maximum));
    value = static_cast<Number>(*given);
  }

  void flag(std::string_view name, bool& value) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<bool>();
    if (!given) refuse(name, "must be true or false");
    value = *given;
  }

  void duration(std::string_view name, std::chrono::nanoseconds& value) {
    constexpr std::chrono::nanoseconds longest = 24h;
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<std::string>();
    auto const parsed = given ? parse_duration(*given) : std::nullopt;
    if (!parsed) refuse(name, "must be a duration in quotes, such as \"250ms\" or \"10s\"");
    if (parsed->count() <= 0) refuse(name, "must be more than zero");
    if (*parsed > longest) refuse(name, "is more than " + format_duration(longest));
    value = *parsed;
  }

  void address(std::string_view name, tcp::endpoint& value) {
    auto const* node = find(name);
    if (!node) return;
    auto const given = node->value_exact<std::string>();
    auto const parsed = given ? parse_endpoint(*given) : std::nullopt;
    if (!parsed) refuse(name, "is not \"address:port\" (the address must be numeric, host names are not looked up)");
    value = *parsed;
  }

  // The texts of a list, which must have one at least.
  std::vector<std::string> texts(std::string_view name) {
    auto const* node = find(name);
    if (!node) return {};
    auto const* list = node->as_array();
    if (!list || list->empty()) refuse(name, "must be a list of texts, such as [\"one\", \"two\"]");
    std::vector<std::string> all;
    for (auto const& element : *list) {
      auto const value = element.value_exact<std::string>();
      if (!value) refuse(element, fmt::format("{}.{}[{}] must be text in quotes", where_, name, all.size()));
      if (value->size() > longest_text) throw_too_long(element, name, value->size());
      all.push_back(*value);
    }
    return all;
  }

  [[noreturn]] void refuse_element(std::string_view name, std::size_t i, std::string_view problem) const {
    auto const& element = *table_.get(name)->as_array()->get(i);
    refuse(element, fmt::format("{}.{}[{}] = \"{}\" {}", where_, name, i, element.value_or(std::string{}), problem));
  }

  void no_others() const {
    for (auto&& [key, node] : table_)
      if (std::find(known_.begin(), known_.end(), key.str()) == known_.end())
        throw config_error{fmt::format("{}:{}: unknown field \"{}\" in {}; known: {}", file_, key.source().begin.line,
                                       key.str(), where_.empty() ? "the file" : '[' + where_ + ']',
                                       fmt::join(known_, ", "))};
  }

 private:
  static constexpr std::size_t longest_text = 1024;  // bytes

  [[noreturn]] void throw_too_long(toml::node const& at, std::string_view name, std::size_t size) const {
    refuse(at, fmt::format("{}{}{} has {} bytes, which is more than {}", where_, where_.empty() ? "" : ".", name, size,
                           longest_text));
  }

  toml::table const& table_;
  std::string where_;
  std::string const& file_;
  std::vector<std::string> known_;
};

void read_discovery(fields& in, config& out);  // the section [discovery], in discovery_settings.cpp

}  // namespace proxy
