// What a person watches: a moving picture on a terminal, plain lines elsewhere; and the table at the end.
#pragma once

#include "findings.hpp"

namespace demo {

class screen : public progress {
 public:
  screen();
  void show(recording const& so_far, phase now, double elapsed, bool phase_ends) override;
  void finished(findings const& f);  // one policy is through

 private:
  bool moving_;
  int lines_drawn_ = 0;
};

std::string table(std::vector<findings> const& all);

}  // namespace demo
