// The same as data, and as a page with charts.
#pragma once

#include "findings.hpp"

namespace demo {

struct outcome {
  settings how;
  double seconds = 0;  // what it took
  std::vector<recording> recordings;
  std::vector<findings> found;
  std::vector<promise> promises;
};

std::string as_json(outcome const& all);

// One HTML file without references to anything else; charts by gnuplot where that is installed.
std::string as_page(outcome const& all);

}  // namespace demo
