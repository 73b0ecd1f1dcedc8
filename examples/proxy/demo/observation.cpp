// SPDX-License-Identifier: MIT
#include "observation.hpp"

#include "histogram.hpp"
#include "trouble.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace demo {
namespace {

// Counters change between two samples, so a span begins and ends at the samples that are next to its limits.
stats_sample const* sample_at(std::vector<stats_sample> const& all, double at) {
  auto const found = std::find_if(all.begin(), all.end(), [&](stats_sample const& s) { return s.at >= at; });
  return found != all.end() ? &*found : all.empty() ? nullptr : &all.back();
}

std::uint64_t difference(observation const& o, double from, double to, auto counter) {
  auto const *first = sample_at(o.samples, from), *last = sample_at(o.samples, to);
  if (first == nullptr) return 0;
  auto const before = counter(first->backends), after = counter(last->backends);
  return after > before ? after - before : 0;
}

}  // namespace

// A line looks like "[2026-01-31 12:00:00.123] [proxy] [warning] b is down: …".
std::vector<event> logged_events(std::vector<std::string> const& lines, std::chrono::system_clock::time_point start) {
  std::vector<event> out;
  for (auto const& line : lines) {
    std::tm t{};
    int ms = 0, begin = 0;
    auto const read = std::sscanf(line.c_str(), "[%d-%d-%d %d:%d:%d.%d] [proxy] %n", &t.tm_year, &t.tm_mon, &t.tm_mday,
                                  &t.tm_hour, &t.tm_min, &t.tm_sec, &ms, &begin);
    auto const text = line.find("] ", static_cast<std::size_t>(begin));
    if (read != 7 || begin == 0 || text == line.npos) continue;
    t.tm_year -= 1900, t.tm_mon -= 1, t.tm_isdst = -1;
    auto const wall = std::chrono::system_clock::from_time_t(std::mktime(&t)) + std::chrono::milliseconds{ms};
    out.push_back({std::chrono::duration<double>(wall - start).count(), true, line.substr(text + 2)});
  }
  return out;
}

std::uint64_t observation::picks(std::size_t backend, double from, double to) const {
  return difference(*this, from, to, [&](auto const& all) { return all[backend].picks; });
}

std::uint64_t observation::failed_attempts(std::size_t backend, double from, double to) const {
  return difference(*this, from, to, [&](auto const& all) { return all[backend].failed; });
}

double observation::share(std::size_t backend, double from, double to) const {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i != backend_count; ++i) all += picks(i, from, to);
  return all == 0 ? 0 : static_cast<double>(picks(backend, from, to)) / static_cast<double>(all);
}

latencies observation::latency(int backend, double from, double to) const {
  histogram h;
  for (auto const& r : requests)
    if (r.due >= from && r.due < to && (backend < 0 || r.backend == backend))
      h.add(std::chrono::nanoseconds{static_cast<std::int64_t>(r.latency * 1e6)});
  auto const ms = [&](double share) { return static_cast<double>(h.quantile(share).count()) / 1e6; };
  return {ms(0.5), ms(0.99), ms(0.999)};
}

std::size_t observation::failed_requests() const {
  return static_cast<std::size_t>(
      std::count_if(requests.begin(), requests.end(), [](request_record const& r) { return r.failed; }));
}

std::size_t observation::in_flight(std::size_t backend, double at) const {
  return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(), [&](request_record const& r) {
    return r.backend == static_cast<int>(backend) && r.due <= at && r.due + r.latency / 1e3 > at;
  }));
}

double observation::first_bad_answer(std::size_t backend, double slow) const {
  double first = plan->seconds;
  for (auto const& r : requests)
    if (r.backend == static_cast<int>(backend) && r.due >= plan->begins && (r.failed || r.latency > slow))
      first = std::min(first, r.due + r.latency / 1e3);
  return first;
}

double observation::last_pick(std::size_t backend, double before) const {
  std::int64_t last = 0;
  for (auto const& s : samples)
    if (s.at < before) last = std::max(last, s.backends[backend].last_pick_ns);
  return static_cast<double>(last - std::chrono::nanoseconds{start.time_since_epoch()}.count()) / 1e9;
}

std::vector<double> observation::ejections(std::size_t backend) const {
  std::vector<double> times;
  auto const name = ": " + std::string{backends[backend].name} + ": ";
  for (auto const& e : events)
    if (e.logged && e.text.starts_with("ejected for ") && e.text.find(name) != e.text.npos) times.push_back(e.at);
  return times;
}

std::size_t observation::log_lines() const {
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [](event const& e) { return e.logged; }));
}

}  // namespace demo
