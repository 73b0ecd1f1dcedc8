// SPDX-License-Identifier: MIT
// Writes the results of the demo as JSON and as an HTML page with charts.
#pragma once

#include "findings.hpp"

namespace demo {

struct outcome {
  settings options;
  double seconds = 0;  // how long the demo took
  std::vector<recording> recordings;
  std::vector<findings> found;
  std::vector<promise> promises;
};

std::string as_json(outcome const& all);

// One HTML file without references to other files. It has charts if gnuplot is installed.
std::string as_page(outcome const& all);

}  // namespace demo
