// ids, reasons, outcomes and answers with {fmt}: fmt::print("{}", lease.error()).
#pragma once

#include <equipoise/core/pick/print.hpp>

#include <fmt/format.h>

template <equipoise::printable T>
struct fmt::formatter<T> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(T const& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(std::string{to_string(value)}, context);
  }
};
