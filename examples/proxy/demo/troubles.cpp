// SPDX-License-Identifier: MIT
// The list of the troubles, and those that concern the whole or are planned. Times are in seconds.
#include "trouble_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace demo {

using namespace promised;
using namespace setup;
using enum act;

// d dies while the others are up. Then a and b die, so one of four is left.
trouble most_down() {
  auto const run = [](std::string action, std::vector<expectation> promises) {
    promises.push_back(explained("panic: 1 of 4 healthy"));
    promises.push_back(all_seen_down({a, b, d}));
    auto const policy = "panic{round_robin, action=" + action + ", threshold=50}";
    return run_plan{
        action,
        fleet_of(policy, usual + "[retry]\nattempts = 4\n"),
        c,
        1.5,
        3,
        4.5,
        {{0.5, act::kill, d}, {1.5, act::kill, a}, {1.5, act::kill, b}, {3, start, a}, {3, start, b}, {3, start, d}},
        std::move(promises)};
  };
  return {"panic",
          "three of four backends are down",
          {run("fail", {refused_while_down()}), run("all", {no_failure(), share_in_trouble(d, 0.05, 0.5)}),
           run("last_known", {no_failure(), share_in_trouble(d, 0, 0), share_in_trouble(a, 0.05, 0.5)})},
          {}};
}

trouble drain_one() {
  auto plan = fleet_of("round_robin", usual);
  plan.members[c].service = 300ms;
  return {"drain",
          "an operator sets weight 0, stops the backend once its work is done, and brings it back",
          {{"weight 0 on SIGHUP",
            plan,
            c,
            2,
            3.5,
            7,
            {{2, act::weight, c, 0}, {3.5, terminate, c}, {4, start, c}, {4.5, act::weight, c, 1}},
            {no_failure(), no_pick_later_than(interval, "a check interval"), open_work_finished(),
             back_to_fair_share(1.5)}}},
          {}};
}

trouble warm_one() {
  return {"warm",
          "a backend joins and starts slowly",
          {{"window 4 s",
            fleet_of("slow_start{round_robin, window=4}", usual, 10ms),
            e,
            2,
            6,
            8,
            {{2, join, e}},
            {no_failure(), rises_along(4, 0.03), no_surge(0.2)}}},
          {}};
}

std::vector<trouble> const& troubles() {
  static std::vector<trouble> const all{kill_one(),    freeze_one(), slow_one(),  flap_one(), error_bursts(),
                                        fast_errors(), most_down(),  drain_one(), warm_one()};
  return all;
}

std::vector<trouble> troubles_named(std::vector<std::string> const& names) {
  std::vector<trouble> out;
  for (auto const& name : names) {
    if (name == "all") {
      out.insert(out.end(), troubles().begin(), troubles().end());
      continue;
    }
    auto const found =
        std::find_if(troubles().begin(), troubles().end(), [&](trouble const& t) { return t.name == name; });
    if (found == troubles().end()) {
      std::string known;
      for (auto const& t : troubles()) known += t.name + ", ";
      throw std::invalid_argument{fmt::format("--scenario: \"{}\" is unknown; known: {}all", name, known)};
    }
    out.push_back(*found);
  }
  return out;
}

}  // namespace demo
