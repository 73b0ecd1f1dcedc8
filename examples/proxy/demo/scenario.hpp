// SPDX-License-Identifier: MIT
// The run of one policy: real backends, the proxy and a load, in five phases.
#pragma once

#include "../net.hpp"
#include "recording.hpp"

namespace demo {

struct progress {
  virtual ~progress() = default;
  // Called five times per second, and at the end of each phase.
  virtual void show(recording const& so_far, phase now, double elapsed, bool phase_ends) = 0;
};

// Throws std::runtime_error if the processes cannot be started or the time is too short.
recording run_scenario(proxy::asio::io_context& io, settings const& options, policy_setup const& policy,
                       clock::time_point deadline, progress& screen);

}  // namespace demo
