// SPDX-License-Identifier: MIT
// The soak: troubles in turn for a long time. No request is lost, and the memory of the proxy stays flat.
#include "trouble_setup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace demo {
namespace {

using namespace setup;
using enum act;

constexpr double cycle = 10, mebibyte = 1 << 20;

std::vector<action> actions_of(double seconds) {
  std::vector<action> all;
  for (double t = 0; t + cycle + 1 <= seconds; t += cycle) {
    all.insert(all.end(), {{t + 0.5, act::kill, b}, {t + 2, start, b}, {t + 3, freeze, c}, {t + 4.5, resume, c}});
    for (int i = 0; i != 3; ++i)
      all.insert(all.end(), {{t + 5.5 + 0.7 * i, act::kill, d}, {t + 5.8 + 0.7 * i, start, d}});
    all.insert(all.end(), {{t + 8, service, a, 20}, {t + 9, service, a, 2}});
  }
  return all;
}

struct use {
  double memory = 0;  // MiB
  std::size_t files = 0;
};

// The most within a part of the run, 0 … 1. Each part has at least one cycle, so all troubles are in it.
use most_used(observation const& o, double from, double to) {
  use most;
  for (auto const& s : o.samples)
    if (s.at >= from * o.plan->seconds && s.at < to * o.plan->seconds) {
      most.memory = std::max(most.memory, static_cast<double>(s.proxy.memory) / mebibyte);
      most.files = std::max(most.files, s.proxy.files);
    }
  return most;
}

std::string soak_table(observation const& o) {
  constexpr int rows = 12;
  std::string out =
      fmt::format("\n{}: {} requests in {:.0f} s, {} failed, {} lines in the log\n", o.plan->processes.policy,
                  o.requests.size(), o.plan->seconds, o.failed_requests(), o.log_lines());
  out += fmt::format("  {:>9}{:>10}{:>8}{:>9}{:>9}{:>9}{:>9}\n", "until s", "requests", "failed", "p50 ms", "p99 ms",
                     "MiB", "files");
  for (int i = 0; i != rows; ++i) {
    double const from = o.plan->seconds * i / rows, to = o.plan->seconds * (i + 1) / rows;
    auto const in_row = [&](request_record const& r) { return r.due >= from && r.due < to; };
    auto const all = std::count_if(o.requests.begin(), o.requests.end(), in_row);
    auto const failed =
        std::count_if(o.requests.begin(), o.requests.end(), [&](auto& r) { return in_row(r) && r.failed; });
    auto const took = o.latency(-1, from, to);
    auto const used = most_used(o, static_cast<double>(i) / rows, static_cast<double>(i + 1) / rows);
    out += fmt::format("  {:>9.0f}{:>10}{:>8}{:>9.1f}{:>9.1f}{:>9.1f}{:>9}\n", to, all, failed, took.p50, took.p99,
                       used.memory, used.files);
  }
  for (auto const& [text, count] : o.failures) out += fmt::format("  failure {} ×: {}\n", count, text);
  return out;
}

}  // namespace

expectation promised::memory_flat() {
  return [](observation const& o) {
    auto const first = most_used(o, 0.25, 0.5), last = most_used(o, 0.75, 1);
    bool const flat = last.memory <= 1.05 * first.memory + 1 && last.files <= first.files + 20;
    return promise{"memory and descriptors of the proxy are flat", first.memory > 0 && flat,
                   fmt::format("second quarter {:.1f} MiB and {} files, last quarter {:.1f} MiB and {} files",
                               first.memory, first.files, last.memory, last.files)};
  };
}

expectation promised::no_sanitizer_report() {
  return [](observation const& o) {
    auto const says = [&](char const* text) { return o.proxy_log.find(text) != std::string::npos; };
    bool const found = says("Sanitizer") || says("runtime error: ");
    return promise{"no report of a sanitizer", !found && o.proxy_exit == 0, found ? "see the log" : "none in the log"};
  };
}

trouble soak(double seconds) {
  auto const processes = fleet_of("power_of_two", std::string{checks} + failures + impatient);
  return {"soak",
          "backends are killed, frozen, flap and become slow in turn",
          {{"",
            processes,
            c,
            0,
            seconds,
            seconds,
            actions_of(seconds),
            {promised::no_failure(), promised::memory_flat(), promised::no_sanitizer_report()}}},
          {},
          soak_table};
}

}  // namespace demo
