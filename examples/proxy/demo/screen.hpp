// SPDX-License-Identifier: MIT
// Shows the progress: an updated display on a terminal, plain lines elsewhere. table() is printed at the end.
#pragma once

#include "findings.hpp"
#include "scenario.hpp"

namespace demo {

class screen : public progress {
 public:
  screen();
  void show(recording const& so_far, phase now, double elapsed, bool phase_ends) override;
  void finished(findings const& f);  // called after each policy

 private:
  bool terminal_;
  int lines_drawn_ = 0;
};

std::string table(std::vector<findings> const& all);

}  // namespace demo
