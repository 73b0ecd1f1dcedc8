// SPDX-License-Identifier: MIT
#include "promises.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace demo::promised {
namespace {

double weight(observation const& o, std::size_t i) { return o.plan->processes.members[i].weight; }

double fair_share(observation const& o, std::size_t backend, int without = -1) {
  double all = 0;
  for (std::size_t i = 0; i != o.plan->processes.initial; ++i)
    if (static_cast<int>(i) != without) all += weight(o, i);
  return weight(o, backend) / all;
}

std::string name_of(std::size_t backend) { return std::string{backends[backend].name}; }

}  // namespace

expectation no_pick_later_than(double seconds, std::string what) {
  return [=](observation const& o) {
    double const late = o.last_pick(o.plan->subject, o.plan->ends) - o.plan->begins;
    return promise{fmt::format("{} is not picked later than {}", name_of(o.plan->subject), what), late <= seconds,
                   fmt::format("last pick {:.0f} ms after, allowed {:.0f}", std::max(0.0, late * 1e3), seconds * 1e3)};
  };
}

expectation little_share(double limit, double slow_ms) {
  return [=](observation const& o) {
    double const bad = o.first_bad_answer(o.plan->subject, slow_ms);
    double const share = o.share(o.plan->subject, bad + 1, o.plan->ends);
    bool const measured = bad + 1.3 < o.plan->ends;
    return promise{fmt::format("its share is below {:.0f} % from 1 s after the first bad answer on", 100 * limit),
                   measured && share < limit,
                   measured ? fmt::format("{:.2f} % of the picks", 100 * share) : "there was no bad answer in time"};
  };
}

expectation share_in_trouble(std::size_t backend, double at_least, double at_most) {
  return [=](observation const& o) {
    double const share = o.share(backend, o.plan->begins + 0.5, o.plan->ends);
    return promise{
        fmt::format("the share of {} is within {:.0f} … {:.0f} %", name_of(backend), 100 * at_least, 100 * at_most),
        share >= at_least && share <= at_most, fmt::format("{:.1f} %", 100 * share)};
  };
}

expectation load_shared_by_weights(double tolerance) {
  return [=](observation const& o) {
    double worst = 0;
    auto const dead = o.plan->subject;
    for (std::size_t i = 0; i != o.plan->processes.initial; ++i)
      if (i != dead)
        worst = std::max(
            worst,
            std::abs(o.share(i, o.plan->begins + 0.5, o.plan->ends) / fair_share(o, i, static_cast<int>(dead)) - 1));
    return promise{fmt::format("the others share its load by their weights within {:.0f} %", 100 * tolerance),
                   worst <= tolerance, fmt::format("the worst {:.2f} % off", 100 * worst)};
  };
}

expectation back_to_fair_share(double settle) {
  return [=](observation const& o) {
    auto const b = o.plan->subject;
    double const share = o.share(b, o.plan->ends + settle, o.plan->seconds), fair = fair_share(o, b);
    return promise{fmt::format("{} has its share again {:.1f} s after the trouble", name_of(b), settle),
                   std::abs(share / fair - 1) <= 0.2,
                   fmt::format("{:.1f} %, fair is {:.1f} %", 100 * share, 100 * fair)};
  };
}

expectation rises_along(double window, double tolerance) {
  return [=](observation const& o) {
    double worst = 0, least = 1;
    double const others = static_cast<double>(backend_count - 1), step = window / 8;
    for (int i = 0; i != 8; ++i) {
      double const from = o.plan->begins + i * step, middle = (i + 0.5) / 8;
      double const part = std::max(0.1, middle), expected = part / (others + part);
      double const share = o.share(o.plan->subject, from, from + step);
      worst = std::max(worst, std::abs(share - expected)), least = std::min(least, share);
    }
    double const last = o.share(o.plan->subject, o.plan->begins + window + 0.3, o.plan->seconds);
    return promise{"the newcomer's share rises along the curve and is never 0",
                   worst <= tolerance && least > 0 && std::abs(last * (others + 1) - 1) <= 0.1,
                   fmt::format("at most {:.1f} points off, least {:.1f} %, at last {:.1f} %", 100 * worst, 100 * least,
                               100 * last)};
  };
}

expectation no_surge(double overshoot) {
  return [=](observation const& o) {
    auto const& plan = *o.plan;
    double most = 0, least = 1;
    for (std::size_t i = 0; i != plan.processes.initial; ++i) {
      if (i == plan.subject) continue;
      double const before = o.share(i, 0.2, plan.begins);
      for (double from = plan.begins; from + 0.5 < plan.ends; from += 0.5)
        most = std::max(most, o.share(i, from, from + 0.5) / before - 1),
        least = std::min(least, o.share(i, from, from + 0.5));
    }
    auto const before = o.latency(-1, 0.2, plan.begins), during = o.latency(-1, plan.begins, plan.ends);
    double const slower = during.p99 / before.p99 - 1;
    return promise{
        fmt::format("no surge: shares and p99 rise by at most {:.0f} %, no backend starves", 100 * overshoot),
        most <= overshoot && slower <= overshoot && least > 0.05,
        fmt::format("shares by {:.1f} %, p99 {:.1f} → {:.1f} ms ({:+.1f} %), least share {:.1f} %", 100 * most,
                    before.p99, during.p99, 100 * slower, 100 * least)};
  };
}

}  // namespace demo::promised
