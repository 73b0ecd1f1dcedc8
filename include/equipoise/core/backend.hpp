// What the library asks of a backend: a movable type with a key. Weight, zone, priority and labels are optional.
//
//   struct server { std::string name; int weight; };
//   std::string_view key_of(server const& s) { return s.name; }
//   int weight_of(server const& s) { return s.weight; }
//
// Each is found as a static function of a specialised `backend_traits<server>`, as a member function (`key()`,
// `weight()`, …), or by argument-dependent look-up (`key_of(server)`, …), in this order.
#pragma once

#include <equipoise/core/error.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// Specialise for a type that can have neither members nor functions beside it.
template <class B>
struct backend_traits {};

// Names and values, in any order; what they mean is the host's.
using labels = std::vector<std::pair<std::string, std::string>>;

// What may change while a backend stays a member.
struct attributes {
  std::uint32_t weight = 1;    // relative share of the work; 0: no new work
  std::uint32_t priority = 0;  // 0 is the first level, 65 535 the last
  std::string zone = {};
  friend bool operator==(attributes const&, attributes const&) = default;
};

namespace detail {

template <class B>
constexpr bool has_key() {
  return requires(B const& b) { std::string_view{backend_traits<B>::key_of(b)}; } ||
         requires(B const& b) { std::string_view{b.key()}; } || requires(B const& b) { std::string_view{key_of(b)}; };
}

template <class B>
std::string key_text(B const& b) {
  if constexpr (requires { std::string_view{backend_traits<B>::key_of(b)}; })
    return std::string{std::string_view{backend_traits<B>::key_of(b)}};
  else if constexpr (requires { std::string_view{b.key()}; })
    return std::string{std::string_view{b.key()}};
  else
    return std::string{std::string_view{key_of(b)}};
}

// A number from the user's type, refused by name where it does not fit.
template <class Number>
std::uint32_t checked(char const* field, Number value, std::uint32_t most, std::string const& key) {
  static_assert(std::integral<Number> && !std::same_as<Number, bool>,
                "equipoise: a backend's weight and its priority are integers");
  if (std::cmp_less(value, 0) || std::cmp_greater(value, most))
    fail("equipoise: " + std::string{field} + " " + std::to_string(value) + " of backend '" + key +
         "' is outside 0 … " + std::to_string(most));
  return static_cast<std::uint32_t>(value);
}

template <class B>
attributes attributes_of(B const& b, std::string const& key) {
  attributes a;
  if constexpr (requires { backend_traits<B>::weight_of(b); })
    a.weight = checked("weight", backend_traits<B>::weight_of(b), 0xFFFFFFFF, key);
  else if constexpr (requires { b.weight(); })
    a.weight = checked("weight", b.weight(), 0xFFFFFFFF, key);
  else if constexpr (requires { weight_of(b); })
    a.weight = checked("weight", weight_of(b), 0xFFFFFFFF, key);

  if constexpr (requires { backend_traits<B>::priority_of(b); })
    a.priority = checked("priority", backend_traits<B>::priority_of(b), 0xFFFF, key);
  else if constexpr (requires { b.priority(); })
    a.priority = checked("priority", b.priority(), 0xFFFF, key);
  else if constexpr (requires { priority_of(b); })
    a.priority = checked("priority", priority_of(b), 0xFFFF, key);

  if constexpr (requires { backend_traits<B>::zone_of(b); })
    a.zone = std::string_view{backend_traits<B>::zone_of(b)};
  else if constexpr (requires { b.zone(); })
    a.zone = std::string_view{b.zone()};
  else if constexpr (requires { zone_of(b); })
    a.zone = std::string_view{zone_of(b)};
  return a;
}

template <class B>
labels labels_of_backend(B const& b) {
  if constexpr (requires { backend_traits<B>::labels_of(b); })
    return backend_traits<B>::labels_of(b);
  else if constexpr (requires { b.labels(); })
    return b.labels();
  else if constexpr (requires { labels_of(b); })
    return labels_of(b);
  else
    return {};
}

}  // namespace detail

// A type whose objects may be members of a pool.
template <class B>
concept backend = std::movable<B> && detail::has_key<B>();

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
