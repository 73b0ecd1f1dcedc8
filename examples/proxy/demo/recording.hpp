// SPDX-License-Identifier: MIT
// The setup of the demo, and the record of one policy's run.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

enum phase : std::size_t { steady, killed, back, slow, added, phases };
inline constexpr std::string_view phase_names[] = {"steady", "one killed", "it is back", "one 10x slower", "one added"};

// The backends have different speeds, and the weights match them. For example a is four times as fast as d.
struct backend_setup {
  std::string_view name;
  std::uint32_t weight;
  std::chrono::microseconds service;
};
inline constexpr backend_setup backends[] = {
    {"a", 4, 1500us}, {"b", 3, 2000us}, {"c", 2, 3000us}, {"d", 1, 6000us}, {"e", 2, 3000us}};
inline constexpr std::size_t backend_count = std::size(backends);
inline constexpr std::size_t initial_count = 4;  // the last backend is added later
inline constexpr std::size_t killed_backend = 1, slowed_backend = 0, added_backend = 4;

struct policy_setup {
  std::string_view name;
  bool keyed;     // promises that only the keys of the dead backend move
  bool weighted;  // its ideal shares are the weights, otherwise they are equal
  bool exact;     // promises shares within 2 % of the ideal
};
inline constexpr policy_setup main_policies[] = {{"round_robin", false, false, true},
                                                 {"smooth_weighted_round_robin", false, true, true},
                                                 {"least_connections", false, true, false},
                                                 {"power_of_two", false, true, false},
                                                 {"ip_hash", true, true, false},
                                                 {"ring_hash", true, true, false},
                                                 {"maglev", true, true, false}};

struct settings {
  std::string proxy, backend;  // paths of the programs
  double seconds = 84;         // for all policies together
  double rate = 1600;          // requests per second
  unsigned clients = 400;
  unsigned workers = 2;
  std::chrono::milliseconds check_interval = 250ms;
  std::vector<policy_setup> policies;
};

// One request as its client saw it.
struct request_record {
  double due;      // seconds since the first request was due
  double latency;  // milliseconds
  std::uint32_t client;
  int backend;  // index into `backends`, or −1 if no known backend answered
  bool failed;
};

struct recording {
  policy_setup policy;
  std::vector<request_record> requests;
  std::vector<std::string> failures;        // messages of the first failures
  std::array<double, phases + 1> starts{};  // in seconds; the last one is the end
  double dead_picked_for = 0;               // milliseconds from the kill to the last pick of the dead backend
  std::string explain;                      // an explanation from the time when a backend is dead
  int proxy_exit = -1;                      // exit code after SIGTERM
  std::string proxy_log;                    // its last lines
};

}  // namespace demo
