// SPDX-License-Identifier: MIT
// The troubles in which a backend fails. It is usually c. Times are in seconds.
#include "trouble_setup.hpp"

namespace demo {

using namespace promised;
using namespace setup;
using enum act;

trouble kill_one() {
  auto weighted = fleet_of("smooth_weighted_round_robin", usual);
  for (std::size_t i = 0; i != backend_count; ++i) weighted.members[i].weight = backends[i].weight;
  return {"kill",
          "SIGKILL of one backend under load",
          {{"weights 4, 3, 2, 1",
            weighted,
            b,
            2,
            5,
            8,
            {{2, act::kill, b}, {5, start, b}},
            {no_failure(), no_pick_later_than(interval, "a check interval"), load_shared_by_weights(0.05),
             back_to_fair_share(0.8)}}},
          {}};
}

trouble freeze_one() {
  return {"freeze",
          "SIGSTOP: one backend accepts connections and never answers",
          {{"response time-out 300 ms",
            fleet_of("round_robin", std::string{checks} + failures + impatient),
            c,
            2,
            5,
            8,
            {{2, freeze, c}, {5, resume, c}},
            {no_failure(), no_pick_later_than(response + interval, "the response time-out and a check interval"),
             back_to_fair_share(0.8)}}},
          {}};
}

trouble slow_one() {
  auto const run = [](std::string policy, std::vector<expectation> promises) {
    return run_plan{policy == "round_robin" ? "for contrast" : "", fleet_of(policy, usual), c, 1, 4, 5,
                    {{1, service, c, 1002}, {4, service, c, 2}},   std::move(promises)};
  };
  return {"slow",
          "one backend needs one second more for each request; it stays healthy for checks",
          {run("least_connections", {no_failure(), little_share(0.02, 500)}),
           run("power_of_two", {no_failure(), little_share(0.02, 500)}), run("round_robin", {})},
          {}};
}

trouble flap_one() {
  constexpr char quick[] = "[checks]\ninterval = \"100ms\"\ntimeout = \"100ms\"\nrise = 1\nfall = 1\n";
  std::vector<action> flaps;
  for (int i = 0; i != 5; ++i) flaps.push_back({1 + 0.8 * i, act::kill, c}), flaps.push_back({1.4 + 0.8 * i, start, c});
  auto const run = [&](std::string label, std::string damping, double seconds, std::vector<expectation> promises) {
    return run_plan{
        std::move(label),   fleet_of("round_robin", quick + damping + failures + exit_soon), c, 1, 4.6, seconds, flaps,
        std::move(promises)};
  };
  return {"flap",
          "one backend dies and returns again and again",
          {run("not damped", "", 6, {no_failure(), back_to_fair_share(0.6)}),
           run("damped", "damping = \"1500ms\"\n", 9, {no_failure(), back_to_fair_share(3.4)})},
          {calmer_than_first()}};
}

trouble error_bursts() {
  return {"errors",
          "bursts of answers with status 500 and 502; checks stay good",
          {{"passive.errors",
            fleet_of("round_robin", std::string{blind_checks} + errors_too + exit_soon),
            c,
            1,
            4.6,
            8,
            {{1, errors, c, 1}, {2, errors, c, 0}, {3.6, errors, c, 1}, {4.6, errors, c, 0}},
            {failures_until_ejection(3, 2), back_to_fair_share(2.4)}}},
          {}};
}

trouble fast_errors() {
  auto const run = [](std::string label, char const* passive, std::vector<expectation> promises) {
    return run_plan{std::move(label),
                    fleet_of("least_connections", std::string{blind_checks} + passive + exit_soon, 8ms),
                    c,
                    1,
                    5,
                    promises.empty() ? 5.0 : 8.0,
                    {{1, service, c, 0}, {1, errors, c, 1}, {5, errors, c, 0}, {5, service, c, 8}},
                    promises};
  };
  return {"fast-errors",
          "one backend answers 500 at once, so it always has the fewest connections",
          {run("passive.errors", errors_too,
               {failures_until_ejection(3, 2), little_share(0.02, 1e9), back_to_fair_share(2.4)}),
           run("for contrast: errors do not count", failures, {})},
          {}};
}

}  // namespace demo
