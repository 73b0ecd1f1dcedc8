// SPDX-License-Identifier: MIT
// The parameters of a policy, stated once beside its name. From this list policy_registry reads
// "ring_hash{points=200}", describe() writes it, and constructors check their arguments.
//
//   struct newest {
//     static constexpr std::string_view name = "newest";
//     double share = 0.5;
//     static constexpr equipoise::parameter parameters[] = {
//         {.name = "share", .member = equipoise::parameter_of<&newest::share>, .preset = 0.5, .most = 1}};
//     …
//   };
#pragma once

#include <equipoise/core/array_view.hpp>
#include <equipoise/core/error.hpp>

#include <initializer_list>
#include <optional>
#include <string_view>
#include <type_traits>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The value of one parameter: a number or a text.
struct parameter_value {
  double number = 0;  ///< whole numbers too: all up to 2^53 are exact; of a word, its place among the words
  std::string text;   ///< of a parameter that is a text
};

/// What a parameter holds.
enum class parameter_kind : std::uint8_t {
  whole,   ///< a whole number
  number,  ///< a number
  text,    ///< a text; policy_registry demands it, unless it is `optional`
  word,    ///< one of `parameter::words`, an enumeration in C++; it has no preset either
};

/// How the value of a parameter is read from a policy. parameter_of makes it.
struct parameter_member {
  parameter_kind kind = parameter_kind::whole;
  parameter_value (*read)(void const* policy) = nullptr;
};

namespace detail {
// One text of several. A sum of texts compiles a function for each kind of summand.
template <class = void>
std::string joined(std::initializer_list<std::string_view> texts) {
  std::string whole;
  for (std::string_view const text : texts) whole.append(text.data(), text.size());
  return whole;
}

// Adds to a list of texts: "a, b".
template <class = void>
std::string& add_listed(std::string& list, std::string_view text) {
  if (!list.empty()) list += ", ";
  return list.append(text.data(), text.size());
}

template <auto Member>
struct member_reader;
template <class Policy, class Value, Value Policy::*Member>
struct member_reader<Member> {
  static constexpr parameter_kind kind = std::is_enum_v<Value>             ? parameter_kind::word
                                         : std::is_integral_v<Value>       ? parameter_kind::whole
                                         : std::is_floating_point_v<Value> ? parameter_kind::number
                                                                           : parameter_kind::text;
  static parameter_value read(void const* policy) {
    Value const& value = static_cast<Policy const*>(policy)->*Member;
    if constexpr (kind == parameter_kind::text)
      return {0, std::string{value}};
    else
      return {static_cast<double>(value), {}};
  }
};

// The number in the fewest digits that give the same number again, with a point in every locale.
template <class = void>
std::string written_number(double value) {
  char digits[40];
  bool const is_whole = value > -1e15 && value < 1e15 && static_cast<double>(static_cast<std::int64_t>(value)) == value;
  int size = is_whole ? std::snprintf(digits, sizeof digits, "%.0f", value) : 0;
  for (int precision = 6; !is_whole && precision <= 17; ++precision) {
    size = std::snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (std::strtod(digits, nullptr) == value) break;
  }
  std::string text{digits, static_cast<std::size_t>(size)};
  for (char& c : text)
    if (c == ',') c = '.';
  return text;
}

// The number that a text is, or none: digits, a point, a sign and an exponent, in every locale.
template <class = void>
std::optional<double> number_in(std::string_view text) {
  bool digit = false, point = false, exponent = false;
  for (std::size_t i = 0; i != text.size(); ++i) {
    char const c = text[i];
    bool const begins = i == 0 || text[i - 1] == 'e' || text[i - 1] == 'E';
    if (c >= '0' && c <= '9')
      digit = true;
    else if (c == '.' && !point && !exponent)
      point = true;
    else if ((c == 'e' || c == 'E') && digit && !exponent)
      exponent = true, digit = false;
    else if ((c != '-' && c != '+') || !begins)
      return std::nullopt;
  }
  if (!digit) return std::nullopt;
  char sample[8];
  std::snprintf(sample, sizeof sample, "%.1f", 0.5);
  std::string local{text};
  if (auto const at = local.find('.'); at != local.npos) local[at] = sample[1];
  return std::strtod(local.c_str(), nullptr);
}

// The text as a policy's text holds it: in quotes, if it would be read as something else without them.
template <class = void>
std::string written_text(std::string_view text) {
  bool plain = !text.empty();
  for (char c : text)
    plain =
        plain && std::string_view{"{},=\"\\"}.find(c) == std::string_view::npos && static_cast<unsigned char>(c) > 32;
  if (plain) return std::string{text};
  std::string quoted{'"'};
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted += '"';
}

// The start of a text, for an error message.
template <class = void>
std::string shown_text(std::string_view text) {
  std::size_t size = 80;
  if (text.size() <= size) return std::string{text};
  while (size > 76 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;  // not within a character
  return joined({text.substr(0, size), "…"});
}
}  // namespace detail

/// Reads a member of a policy, as in parameter_of<&ring_hash::points>. The member must be the policy's own, not one of
/// a base class: an integer, a floating-point number, a std::string or an enumeration. It may be const.
template <auto Member>
inline constexpr parameter_member parameter_of{detail::member_reader<Member>::kind,
                                               &detail::member_reader<Member>::read};

/// One parameter of a policy. A policy lists its parameters in a static array `parameters`, in the order in which its
/// constructor takes them. A composition's constructor takes its child first, or behind a text.
struct parameter {
  std::string_view name;                          ///< letters, digits and '_'
  parameter_member member;                        ///< parameter_of<&policy::member>
  double preset = 0;                              ///< the value if none is given
  double least = 0;                               ///< the least number that is allowed
  double most = 4294967295;                       ///< the greatest number that is allowed
  std::string_view wanted = {};                   ///< the allowed values in words, if not "least … most"
  bool (*accepts)(double value) = &accepts_all;   ///< whether a number of the range is allowed
  array_view<std::string_view const> words = {};  ///< of a word: the names of the enumerators 0, 1, … `most`
  bool optional = false;                          ///< of a text: it may be left out, and is empty then
  /// Of a text: what is wrong with it, such as "'x' is not a weight"; empty for nothing.
  std::string (*mistake_of)(std::string_view text) = nullptr;

  /// Whether a value must be given, because there is no preset.
  constexpr bool is_required() const noexcept {
    return (member.kind == parameter_kind::text && !optional) || member.kind == parameter_kind::word;
  }

  /// Whether the number is allowed. Not a number is not.
  constexpr bool takes(double value) const noexcept { return value >= least && value <= most && accepts(value); }

  /// The allowed values: "a whole number of 1 … 65536". (A template, as all functions that write, so that only programs
  /// that ask for it compile it.)
  template <class = void>
  std::string allowed() const {
    if (!wanted.empty()) return std::string{wanted};
    if (member.kind == parameter_kind::text) return "a text";
    if (member.kind == parameter_kind::word) {
      std::string all;
      for (std::size_t i = 0; i != words.size(); ++i)
        all += detail::joined({i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]});
      return all;
    }
    return detail::joined({member.kind == parameter_kind::whole ? "a whole number of " : "a number of ", range()});
  }

  /// What is wrong with that value of that policy's parameter, given as it was written.
  template <class = void>
  std::string mistake(std::string_view policy, std::string_view value, bool is_number) const {
    bool const is_outside = is_number && wanted.empty();
    std::string_view const quote = is_number ? "" : "'";
    return detail::joined({"equipoise: ", policy, "::", name, " ", quote, value, quote,
                           is_outside ? " is outside " : " is not ", is_outside ? range() : allowed()});
  }

  /// The same of a text, or an empty one.
  template <class = void>
  std::string mistake_in_text(std::string_view policy, std::string_view text) const {
    std::string const why = mistake_of != nullptr ? mistake_of(text) : std::string{};
    return why.empty() ? why : detail::joined({"equipoise: ", policy, "::", name, " ", why});
  }

  /// Fails, naming the policy, the parameter, the value and the allowed ones, if the number is not allowed.
  template <class Number>
  void check(std::string_view policy, Number value) const {
    if (std::string const why = mistake_in(policy, value); !why.empty()) fail(why);
  }
  /// The same sentence, or an empty text.
  template <class Number>
  std::string mistake_in(std::string_view policy, Number value) const {
    if (takes(static_cast<double>(value))) return {};
    return mistake(policy, detail::written_number(static_cast<double>(value)), true);
  }

 private:
  static constexpr bool accepts_all(double) noexcept { return true; }
  template <class = void>
  std::string range() const {
    return detail::joined({detail::written_number(least), " … ", detail::written_number(most)});
  }
};

namespace detail {
// Whether a policy lists parameters.
template <class P>
concept has_parameters = requires { array_view<parameter const>{P::parameters}; };

// Adds "points=200", unless the value is the preset one. A null pointer is no preset.
template <class = void>
void write_parameter(std::string& to, parameter const& p, parameter_value const& value, parameter_value const* preset) {
  bool const is_text = p.member.kind == parameter_kind::text;
  if (preset != nullptr && (is_text ? value.text == preset->text : value.number == preset->number)) return;
  add_listed(to, p.name) += "=";
  if (p.member.kind == parameter_kind::word)
    to += p.words[static_cast<std::size_t>(value.number)];
  else
    to += is_text ? written_text(value.text) : written_number(value.number);
}
// Adds the parameters of a policy that do not have their presets.
template <class = void>
void write_parameters(std::string& to, array_view<parameter const> parameters, void const* policy) {
  for (parameter const& p : parameters) {
    parameter_value const preset{p.preset, {}};
    write_parameter(to, p, p.member.read(policy), p.is_required() ? nullptr : &preset);
  }
}
}  // namespace detail

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
