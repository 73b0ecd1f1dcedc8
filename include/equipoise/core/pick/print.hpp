// SPDX-License-Identifier: MIT
// Ids, health flags, outcomes, errors and explanations on a stream: `std::cout << lease.error()`. For {fmt} include
// <equipoise/with/fmt.hpp>.
#pragma once

#include <equipoise/core/outcome.hpp>
#include <equipoise/core/pick/explanation.hpp>

#include <concepts>
#include <iosfwd>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The explanation as one sentence. Allocates.
template <std::same_as<explanation> E>
std::string to_string(E const& e) {
  return e.text();
}

namespace detail {
template <class T>
concept printable = std::same_as<T, backend_id> || std::same_as<T, health_flag> || std::same_as<T, outcome> ||
                    std::same_as<T, pick_error> || std::same_as<T, explanation>;
}  // namespace detail

/// Writes to_string(value).
template <detail::printable T, class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, T const& value) {
  return out << to_string(value);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
