// SPDX-License-Identifier: MIT
#include "findings.hpp"

#include "histogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace demo {
namespace {

// The backends that answered each client between two times. A request counts only if its answer came before `to`, so a
// request that was in flight at a change of phase counts for neither phase. With a keyed policy each set has one
// element.
using owners = std::vector<std::set<int>>;

owners owners_between(recording const& what, settings const& options, double from, double to) {
  owners out(options.clients);
  for (auto const& r : what.requests)
    if (r.due >= from && r.due + r.latency / 1e3 < to && !r.failed) out[r.client].insert(r.backend);
  return out;
}

// Counts the keys whose backend changed. A move is necessary if the old backend is `removed` or the new one is
// `joined`.
movement compare(owners const& before, owners const& after, int removed, int joined) {
  movement m;
  for (std::size_t key = 0; key != before.size(); ++key) {
    if (before[key].empty() || after[key].empty()) continue;
    ++m.compared;
    if (before[key].size() == 1 && before[key] == after[key]) continue;
    ++m.moved;
    bool const necessary = before[key] == std::set{removed} || after[key] == std::set{joined};
    if (!necessary) ++m.needless;
  }
  return m;
}

}  // namespace

latencies latencies_between(recording const& what, double from, double to) {
  histogram h;
  for (auto const& r : what.requests)
    if (r.due >= from && r.due < to) h.add(std::chrono::nanoseconds{static_cast<std::int64_t>(r.latency * 1e6)});
  auto const ms = [&](double share) { return static_cast<double>(h.quantile(share).count()) / 1e6; };
  return {ms(0.5), ms(0.99), ms(0.999)};
}

findings examine(recording const& what, settings const& options) {
  findings f;
  f.policy = what.policy;
  f.requests = what.requests.size();
  f.first_failures = what.failures;
  f.dead_picked_for = what.dead_picked_for;
  f.explain = what.explain;
  f.proxy_exit = what.proxy_exit;
  f.overall = latencies_between(what, -1, 1e9);
  for (std::size_t p = 0; p != phases; ++p) f.by_phase[p] = latencies_between(what, what.starts[p], what.starts[p + 1]);

  double answered = 0, weights = 0;
  for (auto const& r : what.requests) {
    f.failures += r.failed;
    if (r.due < what.starts[killed] && r.backend >= 0) ++f.share[static_cast<std::size_t>(r.backend)], ++answered;
  }
  answered = std::max(1.0, answered);
  for (std::size_t i = 0; i != initial_count; ++i) weights += what.policy.weighted ? backends[i].weight : 1;
  for (std::size_t i = 0; i != initial_count; ++i) {
    double const weight = what.policy.weighted ? backends[i].weight : 1;
    double const ideal = answered * weight / weights;  // in answers, because a ratio of shares could round 2 % up
    f.worst_share = std::max(f.worst_share, std::fabs(f.share[i] - ideal) / ideal);
    f.ideal[i] = weight / weights;
  }
  for (auto& share : f.share) share /= answered;

  if (what.policy.keyed) {
    double const detected = std::chrono::duration<double>(options.check_interval).count();
    auto const at_start = owners_between(what, options, 0, what.starts[killed]);
    auto const after_kill = owners_between(what, options, what.starts[killed] + detected, what.starts[back]);
    auto const after_return = owners_between(what, options, what.starts[back] + 2 * detected, what.starts[slow]);
    auto const after_add = owners_between(what, options, what.starts[added] + 0.1, what.starts[phases]);
    f.on_kill = compare(at_start, after_kill, killed_backend, -2);
    f.on_kill->least =
        static_cast<std::size_t>(std::count(at_start.begin(), at_start.end(), std::set<int>{killed_backend}));
    f.on_return = compare(at_start, after_return, -2, -2);
    f.on_add = compare(at_start, after_add, -2, added_backend);
    f.on_add->least =
        static_cast<std::size_t>(std::count(after_add.begin(), after_add.end(), std::set<int>{added_backend}));
  }
  return f;
}

std::vector<promise> judge(std::vector<findings> const& all, settings const& options) {
  std::size_t requests = 0, failures = 0, needless = 0, compared = 0, exact = 0;
  bool keyed = false;
  double latest = 0, worst = 0;
  bool drained = true;
  for (auto const& f : all) {
    requests += f.requests;
    failures += f.failures;
    latest = std::max(latest, f.dead_picked_for);
    drained = drained && f.proxy_exit == 0;
    if (f.policy.exact) ++exact, worst = std::max(worst, f.worst_share);
    if (f.on_kill) keyed = true, needless += f.on_kill->needless, compared += f.on_kill->compared;
  }
  auto const interval = std::chrono::duration<double, std::milli>(options.check_interval).count();
  std::vector<promise> out{{"no failure seen by a client", requests != 0 && failures == 0,
                            fmt::format("{} of {} requests failed", failures, requests)},
                           {"no pick of the dead backend later than one check interval", latest <= interval,
                            fmt::format("the last one {:.1f} ms after the kill, allowed {:.0f}", latest, interval)}};
  if (keyed)
    out.push_back({"keyed policies move only keys of the dead backend", needless == 0 && compared != 0,
                   fmt::format("{} other keys moved, {} keys compared", needless, compared)});
  if (exact)
    out.push_back(
        {"shares within 2 % of the ideal", worst <= 0.02, fmt::format("the worst {:.2f} % off", 100 * worst)});
  out.push_back({"the proxy drains and exits with code 0", drained, drained ? "each time" : "not each time"});
  return out;
}

bool all_kept(std::vector<promise> const& promises) {
  return std::all_of(promises.begin(), promises.end(), [](promise const& p) { return p.kept; });
}

std::string verdict(std::vector<promise> const& promises) {
  std::string line = all_kept(promises) ? "verdict: all promises kept" : "verdict: NOT all promises kept";
  for (auto const& p : promises) line += fmt::format("; {}: {} ({})", p.text, p.kept ? "kept" : "BROKEN", p.evidence);
  return line + '.';
}

}  // namespace demo
