// SPDX-License-Identifier: MIT
// How a piece of work ended.
#pragma once

#include <equipoise/core/config.hpp>

#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How a piece of work ended, as the application reports it with lease::finish().
enum class outcome : std::uint8_t {
  ok,
  error,          ///< the backend answered with an error
  gateway_error,  ///< a server behind the backend failed
  local_error,    ///< the connection failed or a time-out expired on this side
  rejected,       ///< the backend shed load
  cancelled,      ///< the caller gave up; this says nothing about the backend
};

/// The name of the enumerator; "unknown" for any other value.
constexpr std::string_view to_string(outcome o) noexcept {
  constexpr std::string_view names[] = {"ok", "error", "gateway_error", "local_error", "rejected", "cancelled"};
  auto const i = static_cast<std::size_t>(o);
  return i < std::size(names) ? names[i] : "unknown";
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
