// SPDX-License-Identifier: MIT
// Ids, health flags, outcomes, errors and explanations with {fmt}: fmt::print("{}", lease.error()).
#pragma once

#include <equipoise/core/pick/print.hpp>

#include <fmt/format.h>

/// Formats to_string(value), with the format specification of a text.
template <equipoise::detail::printable T>
struct fmt::formatter<T> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(T const& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(std::string{equipoise::to_string(value)}, context);
  }
};
