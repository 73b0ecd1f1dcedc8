// SPDX-License-Identifier: MIT
// Promises about requests, open work and what an operator sees.
#include "promises.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace demo::promised {

expectation no_failure() {
  return [](observation const& o) {
    return promise{"no failure seen by a client", !o.requests.empty() && o.failed_requests() == 0,
                   fmt::format("{} of {} requests failed", o.failed_requests(), o.requests.size())};
  };
}

expectation failures_until_ejection(std::size_t in_a_row, double ejected_for) {
  return [=](observation const& o) {
    constexpr double tolerance = 0.002;  // the log has milliseconds
    auto const sick = o.plan->subject;
    auto const times = o.ejections(sick);
    std::size_t allowed = 0, after = 0;
    for (double at : times) {
      allowed += in_a_row + o.in_flight(sick, at);
      for (auto const& r : o.requests) after += r.failed && r.due > at + tolerance && r.due < at + ejected_for;
    }
    return promise{fmt::format("clients see errors only until the ejection, at most {} and those in flight", in_a_row),
                   !times.empty() && o.failed_requests() <= allowed && after == 0,
                   fmt::format("{} failed, {} allowed by {} ejections; {} were due after an ejection",
                               o.failed_requests(), allowed, times.size(), after)};
  };
}

expectation refused_while_down() {
  return [](observation const& o) {
    std::size_t outside = 0, silent = 0, refused = 0;
    for (auto const& r : o.requests)
      if (r.failed) ++refused, outside += r.due < o.plan->begins - 0.3 || r.due > o.plan->ends + 1;
    for (auto const& [text, count] : o.failures)
      if (!text.starts_with("status 503: no backend: ") && !text.starts_with("status 502: ")) silent += count;
    return promise{"requests are refused at once in the panic only, with the reason",
                   refused != 0 && outside == 0 && silent == 0,
                   fmt::format("{} refused, {} outside, {} without a reason", refused, outside, silent)};
  };
}

expectation open_work_finished() {
  return [](observation const& o) {
    auto const b = o.plan->subject;
    std::size_t const open = o.in_flight(b, o.plan->begins);
    std::uint32_t left = 1;
    for (auto const& s : o.samples)
      if (s.at > o.plan->begins && s.at < o.plan->ends) left = s.backends[b].in_flight;
    return promise{
        "open work finishes, then the backend ends by itself", open != 0 && left == 0 && o.terminated == 0,
        fmt::format("{} requests were open, {} at last, exit code {}", open, left, o.terminated.value_or(-1))};
  };
}

expectation explained(std::string text) {
  return [=](observation const& o) {
    auto const at = o.explain.find(text);
    auto const end = o.explain.find(';', at);
    return promise{"explain says it", at != o.explain.npos,
                   at == o.explain.npos ? o.explain : o.explain.substr(at, end == o.explain.npos ? end : end - at)};
  };
}

expectation all_seen_down(std::vector<std::size_t> expected) {
  return [=](observation const& o) {
    std::string states;
    bool all = false;
    for (auto const& s : o.samples) {
      if (s.at > o.plan->ends) break;
      all = true, states.clear();
      for (auto const i : expected) {
        all = all && !s.backends[i].state.empty() && s.backends[i].state != "up";
        states += fmt::format("{}{} {}", states.empty() ? "" : ", ", backends[i].name, s.backends[i].state);
      }
    }
    return promise{"stats show each dead backend", all, states};
  };
}

comparison calmer_than_first() {
  return [](std::vector<observation> const& runs) {
    auto const count = [](observation const& o) {
      return std::tuple{o.log_lines(), o.failed_attempts(o.plan->subject, o.plan->begins, o.plan->ends),
                        o.share(o.plan->subject, o.plan->begins, o.plan->ends)};
    };
    auto const [lines, failed, share] = count(runs.at(0));
    auto const [fewer_lines, fewer_failed, less_share] = count(runs.at(1));
    return promise{"damping means fewer log lines, fewer failed attempts and a smaller share",
                   fewer_lines < lines && fewer_failed < failed && less_share < share,
                   fmt::format("lines {} → {}, failed attempts {} → {}, share {:.1f} → {:.1f} %", lines, fewer_lines,
                               failed, fewer_failed, 100 * share, 100 * less_share)};
  };
}

}  // namespace demo::promised
