// SPDX-License-Identifier: MIT
// The text of a policy as a tree: "failover{max_in_flight{round_robin, limit=50}}".
//
//   policy    name, or name{part, part, …}
//   part      a policy, a value, or name=value
//
// Spaces, tabs and line ends around names and values do not count. A value with a space or one of { } , = " \ is
// written in quotes, and a backslash within quotes takes the next character as it is.
#pragma once

#include <equipoise/core/policy/parameter.hpp>

#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// One name or value of a policy's text, and what is in the braces behind it.
struct policy_text {
  std::string key;                 ///< "limit" of "limit=50"; empty if there is none
  std::string text;                ///< "round_robin", "50": without the spaces around it, and without quotes
  bool has_braces = false;         ///< whether there are braces behind it
  std::vector<policy_text> parts;  ///< what is in the braces

  static constexpr int deepest = 10;  ///< the greatest number of braces within each other

  /// The tree of a text. Returns none and sets `why` if the text is not one. O(length); allocates.
  template <class = void>
  static std::optional<policy_text> parse(std::string_view text, std::string& why) {
    reader in{text, 0, why};
    policy_text whole;
    if (!in.read(whole, deepest)) return std::nullopt;
    if (in.at == text.size()) return whole;
    if (text[in.at] == '}')
      in.refuse("has a '}' too many");
    else
      in.refuse("has something behind its end: '", detail::shown_text(text.substr(in.at)), "'");
    return std::nullopt;
  }

 private:
  // Reads one part after the other. All functions return false after a mistake.
  struct reader {
    std::string_view text;
    std::size_t at;
    std::string& why;

    bool refuse(std::string_view what, std::string_view more = {}, std::string_view end = {}) {
      why = detail::joined({"equipoise: policy '", detail::shown_text(text), "' ", what, more, end});
      return false;
    }
    bool next_is(char c) {
      if (at == text.size() || text[at] != c) return false;
      ++at;
      return true;
    }
    static bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
    void skip_spaces() {
      while (at != text.size() && is_space(text[at])) ++at;
    }

    bool word(std::string& to) {
      skip_spaces();
      if (next_is('"')) {
        for (; at != text.size() && text[at] != '"'; ++at) {
          if (text[at] == '\\' && at + 1 != text.size()) ++at;
          to += text[at];
        }
        if (!next_is('"')) return refuse("lacks a '\"' at its end");
        skip_spaces();
      } else {
        while (at != text.size() && std::string_view{"{},="}.find(text[at]) == std::string_view::npos) to += text[at++];
        while (!to.empty() && is_space(to.back())) to.pop_back();
      }
      return true;
    }

    // Whether there was nothing there, not even quotes.
    bool is_empty(policy_text const& part, std::size_t from) const {
      return part.text.empty() && text.substr(from, at - from).find('"') == text.npos;
    }

    bool read(policy_text& part, int braces_left) {
      std::size_t const start = at;
      if (!word(part.text)) return false;
      if (braces_left != deepest && next_is('=')) {
        part.key = std::move(part.text);
        part.text.clear();
        if (part.key.empty()) return refuse("has no name before a '='");
        std::size_t const value = at;
        if (!word(part.text)) return false;
        if (is_empty(part, value)) return refuse("has no value behind '", part.key, "='");
      } else if (braces_left != deepest && is_empty(part, start)) {
        return refuse(at == text.size() ? "lacks a '}' at its end" : "has an empty place in its braces");
      }
      if (!next_is('{')) return true;
      part.has_braces = true;
      if (braces_left == 0) return refuse("nests more than eight deep");
      skip_spaces();
      if (!next_is('}')) {
        do
          if (!read(part.parts.emplace_back(), braces_left - 1)) return false;
        while (next_is(','));
        if (at == text.size()) return refuse("lacks a '}' at its end");
        if (!next_is('}')) return refuse("lacks a ',' before '", detail::shown_text(text.substr(at)), "'");
      }
      skip_spaces();
      return true;
    }
  };
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
