// What is played for each policy: real backends, the proxy, a load, five phases; and what is noted on the way.
#pragma once

#include "../net.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

enum phase : std::size_t { steady, killed, back, slow, added, phases };
inline constexpr std::string_view phase_names[] = {"steady", "one killed", "it is back", "one 10x slower", "one added"};

// The cast. Speeds differ, and the weights say so: a is four times as fast as d.
struct role {
  std::string_view name;
  std::uint32_t weight;
  std::chrono::microseconds service;
};
inline constexpr role cast[] = {
    {"a", 4, 1500us}, {"b", 3, 2000us}, {"c", 2, 3000us}, {"d", 1, 6000us}, {"e", 2, 3000us}};
inline constexpr std::size_t everybody = std::size(cast), at_first = 4;  // e is the one added
inline constexpr std::size_t victim = 1, sluggard = 0, newcomer = 4;     // who is killed, slowed down, added

struct policy_setup {
  std::string_view name;
  bool keyed;     // promises: no key moves but the dead one's
  bool weighted;  // its ideal shares are the weights; else all alike
  bool exact;     // promises: shares within 2 % of the ideal
};
inline constexpr policy_setup main_policies[] = {{"round_robin", false, false, true},
                                                 {"smooth_weighted_round_robin", false, true, true},
                                                 {"least_connections", false, true, false},
                                                 {"power_of_two", false, true, false},
                                                 {"ip_hash", true, true, false},
                                                 {"ring_hash", true, true, false},
                                                 {"maglev", true, true, false}};

struct settings {
  std::string proxy, backend;  // programs
  double seconds = 84;         // for all policies together
  double rate = 1600;          // requests a second
  unsigned clients = 400;
  unsigned workers = 2;
  std::chrono::milliseconds check_interval = 250ms;
  std::vector<policy_setup> policies;
};

// One request, as its client saw it.
struct seen {
  double due;      // seconds since the first was due
  double latency;  // milliseconds
  std::uint32_t client;
  int backend;  // index into cast; −1: nobody we know
  bool failed;
};

struct recording {
  policy_setup policy;
  std::vector<seen> requests;
  std::vector<std::string> failures;        // what the first few said
  std::array<double, phases + 1> starts{};  // seconds; the last is the end
  double dead_picked_for = 0;               // milliseconds from the kill to the last pick of the dead one
  std::string explain;                      // while one is dead
  int proxy_exit = -1;                      // after SIGTERM
  std::string proxy_log;                    // its last lines
};

struct progress {
  virtual ~progress() = default;
  // Called five times a second, and at each phase's end.
  virtual void show(recording const& so_far, phase now, double elapsed, bool phase_ends) = 0;
};

// Throws std::runtime_error where the cast does not get on stage.
recording play(proxy::asio::io_context& io, settings const& how, policy_setup const& policy, clock::time_point deadline,
               progress& screen);

}  // namespace demo
