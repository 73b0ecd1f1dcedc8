// SPDX-License-Identifier: MIT
// What the tables of the troubles share: the names of the backends, and the settings of the proxy.
#pragma once

#include "promises.hpp"

namespace demo {

trouble kill_one(), freeze_one(), slow_one(), flap_one(), error_bursts(), fast_errors();  // of backends
trouble most_down(), drain_one(), warm_one();                                             // of the whole, and planned

namespace setup {

inline constexpr std::size_t a = 0, b = 1, c = 2, d = 3, e = 4;

// Checks run four times per second instead of every ten seconds, and an ejection is short, so that a run takes seconds.
inline constexpr char checks[] = "[checks]\ninterval = \"250ms\"\ntimeout = \"250ms\"\nrise = 1\nfall = 2\n";
// Checks stay good in these troubles. They must not end an ejection early.
inline constexpr char blind_checks[] = "[checks]\ninterval = \"250ms\"\nrise = 100\n";
inline constexpr char failures[] = "[passive]\nfailures = 3\neject = \"2s\"\n";
inline constexpr char errors_too[] = "[passive]\nfailures = 3\neject = \"2s\"\nerrors = true\n";
inline constexpr char exit_soon[] = "[timeouts]\nlinger = \"100ms\"\n";
inline constexpr char impatient[] = "[timeouts]\nresponse = \"300ms\"\nlinger = \"100ms\"\n";
inline constexpr double interval = 0.25, response = 0.3;

inline fleet_plan fleet_of(std::string policy, std::string settings, std::chrono::microseconds service = 2ms) {
  fleet_plan plan{std::move(policy), std::move(settings), {}, initial_count};
  for (auto& m : plan.members) m.service = service;
  return plan;
}

inline std::string const usual = std::string{checks} + failures + exit_soon;

}  // namespace setup
}  // namespace demo
