// SPDX-License-Identifier: MIT
// CLI::Range accepts "nan", because no comparison with it is true. This refuses it.
#pragma once

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdlib>
#include <string>

namespace demo {

inline CLI::Validator within(double minimum, double maximum) {
  auto const number = [](std::string& text) {
    return std::isnan(std::strtod(text.c_str(), nullptr)) ? "Value " + text + " is not a number" : std::string{};
  };
  return CLI::Range(minimum, maximum) & CLI::Validator{number, ""};
}

}  // namespace demo
