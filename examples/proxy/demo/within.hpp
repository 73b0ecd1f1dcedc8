// CLI::Range lets pass what is no number at all: "nan" is below no bound and above none.
#pragma once

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdlib>
#include <string>

namespace demo {

inline CLI::Validator within(double least, double most) {
  auto const number = [](std::string& text) {
    return std::isnan(std::strtod(text.c_str(), nullptr)) ? "Value " + text + " is not a number" : std::string{};
  };
  return CLI::Range(least, most) & CLI::Validator{number, ""};
}

}  // namespace demo
