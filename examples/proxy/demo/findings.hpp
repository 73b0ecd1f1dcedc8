// SPDX-License-Identifier: MIT
// Evaluates a recording and checks which promises were kept.
#pragma once

#include "recording.hpp"

#include <optional>

namespace demo {

struct latencies {
  double p50 = 0, p99 = 0, p999 = 0;  // milliseconds
};

// Keys whose backend changed, and the minimum that could not be avoided.
struct movement {
  std::size_t moved = 0, least = 0;
  std::size_t needless = 0;  // moved although their backend was available all the time
  std::size_t compared = 0;  // keys seen before and after
};

struct findings {
  policy_setup policy;
  std::size_t requests = 0, failures = 0;
  std::vector<std::string> first_failures;
  latencies overall;
  std::array<latencies, phases> by_phase;
  std::array<double, backend_count> share{}, ideal{};  // in the steady phase, 0 … 1
  double worst_share = 0;                              // the maximum of |share / ideal − 1|
  double dead_picked_for = 0;                          // milliseconds
  std::optional<movement> on_kill, on_return, on_add;  // keyed policies only
  std::string explain;
  int proxy_exit = 0;
};

findings examine(recording const& what, settings const& options);

struct promise {
  std::string text;
  bool kept;
  std::string evidence;
};

std::vector<promise> judge(std::vector<findings> const& all, settings const& options);
bool all_kept(std::vector<promise> const& promises);
std::string verdict(std::vector<promise> const& promises);  // one line

latencies latencies_between(recording const& what, double from, double to);

}  // namespace demo
