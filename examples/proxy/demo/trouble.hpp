// SPDX-License-Identifier: MIT
// A trouble is a table: what happens to which backend at which time, and what is promised about it. It has one run for
// each policy or setting that is shown.
#pragma once

#include "observation.hpp"

#include <functional>

namespace demo {

enum class act { kill, freeze, resume, start, terminate, service, errors, weight, join };

// `value` is the service time in milliseconds, the share of errors, or the weight.
struct action {
  double at;  // seconds
  act what;
  std::size_t backend;
  double value = 0;
};

// Evaluates one promise after a run.
using expectation = std::function<promise(observation const&)>;
using comparison = std::function<promise(std::vector<observation> const&)>;

struct run_plan {
  std::string label;
  fleet_plan processes;
  std::size_t subject;  // the backend in trouble
  double begins, ends, seconds;
  std::vector<action> actions;
  std::vector<expectation> promises;  // empty: shown for contrast, nothing is promised
};

struct trouble {
  std::string name, summary;
  std::vector<run_plan> runs;
  std::vector<comparison> comparisons;                 // promises about all runs together
  std::string (*table)(observation const&) = nullptr;  // absent: the usual one
};

// Backends are killed, frozen, flap and become slow in turn, as long as it is asked.
trouble soak(double seconds);

std::vector<trouble> const& troubles();

// Returns the troubles with these names; "all" stands for every one. Throws std::invalid_argument that lists the known
// names.
std::vector<trouble> troubles_named(std::vector<std::string> const& names);

// Throws std::runtime_error if the processes cannot be started.
observation run_trouble(asio::io_context& io, settings const& options, run_plan const& plan);

struct trouble_outcome {
  trouble const* what;
  std::vector<observation> seen;
  std::vector<promise> promises;
};

std::vector<promise> judge(trouble const& what, std::vector<observation> const& seen);
std::string table(trouble_outcome const& outcome);
std::string as_json(settings const& options, double seconds, std::vector<trouble_outcome> const& all);

}  // namespace demo
