// SPDX-License-Identifier: MIT
// What the library asks of a backend: a movable type with a key. Weight, priority, zone and labels are optional.
//
//   struct server { std::string name; int capacity; };
//   std::string_view key_of(server const& s) { return s.name; }
//   int weight_of(server const& s) { return s.capacity; }
//
// Each is found as a static function of a specialised `backend_traits<server>`, by argument-dependent look-up
// (`key_of(server)`, …), or as a const member function (`key()`, `weight()`, …), in this order: what is written for the
// library comes before a member that may mean something else.
#pragma once

#include <equipoise/core/array_view.hpp>
#include <equipoise/core/error.hpp>

#include <concepts>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Specialise this for a backend type that can have neither member functions nor functions beside it.
template <class B>
struct backend_traits {};

/// Names and values in any order. Their meaning is the application's.
using labels = std::vector<std::pair<std::string, std::string>>;

/// What may change while a backend stays a member.
struct attributes {
  std::uint32_t weight = 1;    ///< relative share of the work; 0: no new work
  std::uint32_t priority = 0;  ///< 0 is the first level, 65 535 the last
  std::string zone = {};       ///< the name of a failure domain; empty for none
  friend bool operator==(attributes const&, attributes const&) = default;
};

/// What update() changes of a member's attributes: those that are named, and nothing else.
struct attribute_changes {
  std::optional<std::int64_t> weight = {};    ///< 0 to 2^32 − 1
  std::optional<std::int64_t> priority = {};  ///< 0 to 65 535
  std::optional<std::string> zone = {};
};

namespace detail {

struct not_given {};

// name_from(backend): the attribute in whichever of the three spellings the backend's type has, or not_given.
#define EQUIPOISE_ATTRIBUTE(name)                                \
  template <class B>                                             \
  decltype(auto) name##_from(B const& b) {                       \
    if constexpr (requires { backend_traits<B>::name##_of(b); }) \
      return backend_traits<B>::name##_of(b);                    \
    else if constexpr (requires { name##_of(b); })               \
      return name##_of(b);                                       \
    else if constexpr (requires { b.name(); })                   \
      return b.name();                                           \
    else                                                         \
      return not_given{};                                        \
  }
EQUIPOISE_ATTRIBUTE(key)
EQUIPOISE_ATTRIBUTE(weight)
EQUIPOISE_ATTRIBUTE(priority)
EQUIPOISE_ATTRIBUTE(zone)
EQUIPOISE_ATTRIBUTE(labels)
#undef EQUIPOISE_ATTRIBUTE

// Refuses a type with an attribute that looks as if it were given, and is not read.
#define EQUIPOISE_ATTRIBUTE(name)                                                                           \
  if constexpr (std::same_as<decltype(detail::name##_from(std::declval<B const&>())), not_given>) {         \
    static_assert(                                                                                          \
        !requires(B& b) { name##_of(b); }, "equipoise: " #name "_of takes a B&: it must take a B const&");  \
    static_assert(                                                                                          \
        !requires(B& b) { name##_of(&b); }, "equipoise: " #name "_of takes a B*: it must take a B const&"); \
    static_assert(                                                                                          \
        !requires(B& b) { b.name(); }, "equipoise: the backend's " #name "() must be const");               \
    static_assert(                                                                                          \
        !requires(B& b) { b.name; },                                                                        \
        "equipoise: a data member is not read: write " #name "_of(B const&), which returns " #name);        \
  }
template <class B>
consteval bool attributes_are_read() {
  EQUIPOISE_ATTRIBUTE(weight)
  EQUIPOISE_ATTRIBUTE(priority)
  EQUIPOISE_ATTRIBUTE(zone)
  EQUIPOISE_ATTRIBUTE(labels)
  return true;
}
#undef EQUIPOISE_ATTRIBUTE

// A number of the user's type, if it was given. False if the value is out of range; the mistake then names field and
// backend.
template <class Number>
bool read_number(std::uint32_t& into, char const* field, Number value, std::uint32_t max, std::string_view key,
                 std::string& mistake) {
  if constexpr (!std::same_as<Number, not_given>) {
    static_assert(std::integral<Number> && !std::same_as<Number, bool>,
                  "equipoise: a backend's weight and its priority are integers");
    if (std::cmp_less(value, 0) || std::cmp_greater(value, max)) {
      mistake = "equipoise: " + std::string{field} + " " + std::to_string(value) + " of backend '" + std::string{key} +
                "' is outside 0 … " + std::to_string(max);
      return false;
    }
    into = static_cast<std::uint32_t>(value);
  }
  return true;
}

template <class B>
std::string key_text(B const& b) {
  return std::string{detail::view_of(detail::key_from(b))};
}

// The attributes of an object. False if one is out of range.
template <class B>
bool read_attributes(attributes& a, B const& b, std::string_view key, std::string& mistake) {
  if constexpr (!std::same_as<decltype(detail::zone_from(b)), not_given>)
    a.zone = detail::view_of(detail::zone_from(b));
  return detail::read_number(a.weight, "weight", detail::weight_from(b), 0xFFFFFFFF, key, mistake) &&
         detail::read_number(a.priority, "priority", detail::priority_from(b), 0xFFFF, key, mistake);
}

}  // namespace detail

/// A type whose objects may be members of a pool: movable, with a key that converts to std::string_view.
template <class B>
concept backend = std::movable<B> && requires(B const& b) { std::string_view{detail::key_from(b)}; };

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
