// SPDX-License-Identifier: MIT
// JSON that another program wrote: each field is checked, and a mistake names the field and its value. Needs nlohmann's
// library, and no exceptions.
#pragma once

#include <equipoise/core/result.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// At most 60 bytes of a value, for a message.
inline std::string shown(nlohmann::json const& j) {
  auto text = j.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// Reads the fields of one object. The first mistake is kept, and what is read after it does not count. A field that is
// absent or null is "not there".
class json_fields {
 public:
  // `where` comes before the name of a field in a message.
  json_fields(nlohmann::json const& object, std::string where, std::string& mistake)
      : object_{object}, where_{std::move(where)}, mistake_{mistake} {
    if (!object.is_object()) refuse_whole("is no object");
  }

  bool has(char const* field) const { return find(field) != nullptr; }
  nlohmann::json const* find(char const* field) const {
    if (!object_.is_object()) return nullptr;
    auto const at = object_.find(field);
    return at == object_.end() || at->is_null() ? nullptr : &*at;
  }

  std::string text(char const* field, std::string absent = {}) {
    auto const* j = find(field);
    if (j == nullptr) return absent;
    if (!j->is_string()) return refuse(field, "is no text"), absent;
    return *j->get_ptr<nlohmann::json::string_t const*>();
  }
  // Protocol buffers write 64-bit numbers as text, so that is read too.
  std::int64_t number(char const* field, std::int64_t least, std::int64_t most, std::int64_t absent = 0) {
    auto const* j = find(field);
    if (j == nullptr) return absent;
    auto const value = whole_number(*j);
    if (!value) return refuse(field, "is no whole number"), absent;
    if (*value < least || *value > most)
      return refuse(field, "is outside " + std::to_string(least) + " … " + std::to_string(most)), absent;
    return *value;
  }
  bool flag(char const* field, bool absent = false) {
    auto const* j = find(field);
    if (j == nullptr) return absent;
    if (!j->is_boolean()) return refuse(field, "is neither true nor false"), absent;
    return *j->get_ptr<nlohmann::json::boolean_t const*>();
  }
  // Null if it is not there, or no array.
  nlohmann::json const* array(char const* field) {
    auto const* j = find(field);
    if (j == nullptr || j->is_array()) return j;
    return refuse(field, "is no list"), nullptr;
  }
  nlohmann::json const* object(char const* field) {
    auto const* j = find(field);
    if (j == nullptr || j->is_object()) return j;
    return refuse(field, "is no object"), nullptr;
  }
  // Refuses fields that are not named.
  void no_others(std::initializer_list<std::string_view> known) {
    if (!object_.is_object()) return;
    for (auto const& [name, value] : object_.items())
      if (std::find(known.begin(), known.end(), name) == known.end()) refuse(name.c_str(), "is no known field");
  }

  void refuse(char const* field, std::string const& why) {
    auto const* j = find(field);
    note(where_ + "." + field + (j != nullptr ? " " + shown(*j) : "") + " " + why);
  }
  void refuse_whole(std::string const& why) { note(where_ + " " + shown(object_) + " " + why); }
  std::string const& where() const noexcept { return where_; }

 private:
  static std::optional<std::int64_t> whole_number(nlohmann::json const& j) {
    if (j.is_number_unsigned()) {
      auto const n = *j.get_ptr<nlohmann::json::number_unsigned_t const*>();
      if (n > static_cast<std::uint64_t>(INT64_MAX)) return INT64_MAX;  // outside of every range that is asked for
      return static_cast<std::int64_t>(n);
    }
    if (j.is_number_integer()) return *j.get_ptr<nlohmann::json::number_integer_t const*>();
    if (!j.is_string()) return {};
    auto const& text = *j.get_ptr<nlohmann::json::string_t const*>();
    std::int64_t n = 0;
    auto const [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (bad != std::errc{} || end != text.data() + text.size()) return {};
    return n;
  }
  void note(std::string what) {
    if (mistake_.empty()) mistake_ = "equipoise: " + std::move(what);
  }

  nlohmann::json const& object_;
  std::string where_;
  std::string& mistake_;
};

// Whether a text is nested more deeply than any that is meant. A value is printed by recursion, so a value of a million
// brackets would exhaust the stack.
inline bool is_too_deep(std::string_view text) noexcept {
  constexpr std::size_t deepest = 100;
  std::size_t depth = 0;
  bool is_in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (is_in_text)
      is_in_text = c != '"', i += c == '\\';
    else if (c == '"')
      is_in_text = true;
    else if (c == '[' || c == '{')
      ++depth;
    else if ((c == ']' || c == '}') && depth != 0)
      --depth;
    if (depth > deepest) return true;
  }
  return false;
}

// The text as JSON; a discarded value, and a mistake, if it is none.
inline nlohmann::json json_of(std::string_view text, std::string const& where, std::string& mistake) {
  if (is_too_deep(text)) {
    if (mistake.empty()) mistake = "equipoise: " + where + " is nested more than 100 levels deep";
    return nlohmann::json::value_t::discarded;
  }
  auto j = nlohmann::json::parse(text, nullptr, false);
  if (j.is_discarded() && mistake.empty())
    mistake = "equipoise: " + where + " is not JSON: " + shown(nlohmann::json(std::string{text.substr(0, 60)}));
  return j;
}

// Cuts a stream into lines. A line that is too long is a mistake of the stream.
class line_splitter {
 public:
  explicit line_splitter(std::size_t longest) : longest_{longest} {}
  void append(std::string_view bytes) { text_.append(bytes); }
  // The next line without its end, which is good until the next call of any function. False if there is none.
  bool next(std::string_view& line) {
    auto const end = text_.find('\n', looked_at_);
    if (end == text_.npos) {
      text_.erase(0, begin_);
      begin_ = 0;
      looked_at_ = text_.size();
      return false;
    }
    line = std::string_view{text_.data() + begin_, end - begin_};
    begin_ = looked_at_ = end + 1;
    return true;
  }
  bool is_too_long() const noexcept { return text_.size() - begin_ > longest_; }
  void clear() noexcept {
    text_.clear();
    begin_ = looked_at_ = 0;
  }

 private:
  std::string text_;
  std::size_t longest_;
  std::size_t begin_ = 0, looked_at_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
