#include "findings.hpp"

#include "histogram.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <set>

namespace demo {
namespace {

// Which backends answered each client in a stretch of time, its last answers in it too: what was under way when the
// next thing happened belongs to neither. Keyed policies: one each.
using owners = std::vector<std::set<int>>;

owners homes_between(recording const& what, settings const& how, double from, double to) {
  owners out(how.clients);
  for (auto const& r : what.requests)
    if (r.due >= from && r.due + r.latency / 1e3 < to && !r.failed) out[r.client].insert(r.backend);
  return out;
}

// Keys that were not always where they were before. Those whose home was `gone` had to move, those now at `come` too.
movement compare(owners const& before, owners const& after, int gone, int come) {
  movement m;
  for (std::size_t key = 0; key != before.size(); ++key) {
    if (before[key].empty() || after[key].empty()) continue;
    ++m.compared;
    if (before[key].size() == 1 && before[key] == after[key]) continue;
    ++m.moved;
    bool const had_to = before[key] == std::set{gone} || after[key] == std::set{come};
    if (!had_to) ++m.needless;
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

findings examine(recording const& what, settings const& how) {
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
  for (std::size_t i = 0; i != at_first; ++i) weights += what.policy.weighted ? cast[i].weight : 1;
  for (std::size_t i = 0; i != at_first; ++i) {
    double const weight = what.policy.weighted ? cast[i].weight : 1;
    double const due = answered * weight / weights;  // in answers: a ratio of shares would round 2 % to a little more
    f.worst_share = std::max(f.worst_share, std::fabs(f.share[i] - due) / due);
    f.ideal[i] = weight / weights;
  }
  for (auto& share : f.share) share /= answered;

  if (what.policy.keyed) {
    double const detected = std::chrono::duration<double>(how.check_interval).count();
    auto const at_home = homes_between(what, how, 0, what.starts[killed]);
    auto const without = homes_between(what, how, what.starts[killed] + detected, what.starts[back]);
    auto const again = homes_between(what, how, what.starts[back] + 2 * detected, what.starts[slow]);
    auto const more = homes_between(what, how, what.starts[added] + 0.1, what.starts[phases]);
    f.on_kill = compare(at_home, without, victim, -2);
    f.on_kill->least = static_cast<std::size_t>(std::count(at_home.begin(), at_home.end(), std::set<int>{victim}));
    f.on_return = compare(at_home, again, -2, -2);
    f.on_add = compare(at_home, more, -2, newcomer);
    f.on_add->least = static_cast<std::size_t>(std::count(more.begin(), more.end(), std::set<int>{newcomer}));
  }
  return f;
}

std::vector<promise> judge(std::vector<findings> const& all, settings const& how) {
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
  auto const interval = std::chrono::duration<double, std::milli>(how.check_interval).count();
  std::vector<promise> out{{"no failure seen by a client", requests != 0 && failures == 0,
                            fmt::format("{} of {} requests failed", failures, requests)},
                           {"no pick of the dead one later than one check interval", latest <= interval,
                            fmt::format("the last one {:.1f} ms after the kill, allowed {:.0f}", latest, interval)}};
  if (keyed)
    out.push_back({"keyed policies move no key but the dead one's", needless == 0 && compared != 0,
                   fmt::format("{} others moved, {} keys compared", needless, compared)});
  if (exact)
    out.push_back(
        {"shares within 2 % of the ideal", worst <= 0.02, fmt::format("the worst {:.2f} % off", 100 * worst)});
  out.push_back({"the proxy drains and ends well", drained, drained ? "each time" : "not each time"});
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
