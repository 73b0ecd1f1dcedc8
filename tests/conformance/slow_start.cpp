// SPDX-License-Identifier: MIT
// Replays how a slow start of Envoy or of HAProxy let a newcomer's share grow beside two warm hosts, on a clock of the
// file's times. The numbers there are those of another schedule and a real clock, so a bucket is equal if the curve
// explains it to within two picks and 50 ms, and if slow_start around a policy with chance comes within five standard
// deviations. HAProxy counts whole seconds and changes a weight in 16 steps; such a file says how long a step is, as
// resolution_s in place of the 50 ms.
#include "conform.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/core/pool/pool.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/slow_start.hpp>

#include <cmath>

namespace conform {
namespace {

using namespace equipoise;
using std::chrono::milliseconds;

double number_in(json const& value, place const& at, double least, double most) {
  double const n = value.is_number() ? value.get<double>() : NAN;
  if (!(n >= least && n <= most)) is_not(value, at, "a number of the range");
  return n;
}

struct replay_of_buckets {
  double window, aggression, min_share, resolution;
  pool<server> members{};
  balancer<server, slow_start<round_robin>> lb{
      members, slow_start{round_robin{}, std::chrono::duration<double>{window}, aggression, min_share}, 1};
  picker<server, slow_start<round_robin>> worker{lb.make_picker()};
  time_point const begun{std::chrono::hours{1}};
  backend_id newcomer{};

  void begin() {
    members.assign(std::vector<server>{{"a", 1}, {"b", 1}, {"c", 1}});
    newcomer = members.find("c");
    members.begin_slow_start(newcomer, begun);
  }
  // The picks of the newcomer that the curve makes of that many, at a time after its start.
  double expected(double seconds, double picks) const {
    milliseconds const age{std::llround(std::max(seconds, 0.0) * 1000)}, all{std::llround(window * 1000)};
    double const f = slow_start_share(age, all, aggression, min_share);
    return picks * f / (2 + f);
  }
  bool explains(double from, double to, double got, double picks) {
    double const least = expected(from - resolution, picks) - 2, most = expected(to + resolution, picks) + 2;
    double of_newcomer = 0;
    for (double i = 0; i != picks; ++i) {
      auto const t = begun + std::chrono::nanoseconds{std::llround((from + (to - from) * i / picks) * 1e9)};
      of_newcomer += worker.select({.now = t}).id() == newcomer;
    }
    double const mean = expected((from + to) / 2, picks);
    return got >= least && got <= most && std::abs(of_newcomer - mean) <= 5 * std::sqrt(mean) + 1;
  }
};

}  // namespace

bool is_slow_start(json const& file) {
  auto const system = file.value("system", std::string{});
  return (system == "envoy" || system == "haproxy") &&
         file.value("kind", std::string{}).find("slow start") != std::string::npos;
}

result replay_slow_start(json const& file) {
  result r;
  for (auto const& s : as_list(field_of(file, {{}, {}, "scenarios"}), {"scenarios"})) {
    auto const& o = as_object(field_of(s, {"scenario", {}, "configuration"}), {"configuration"});
    place const window{"configuration", {}, "slow_start_window_s"}, aggression{"configuration", {}, "aggression"},
        least{"configuration", {}, "min_weight_percent"}, resolution{"scenario", {}, "resolution_s"},
        buckets{"scenario", {}, "buckets"};
    replay_of_buckets replay{number_in(field_of(o, window), window, 0.001, 1e6),
                             number_in(field_of(o, aggression), aggression, 0.01, 100),
                             number_in(field_of(o, least), least, 0.1, 100) / 100,
                             s.contains("resolution_s") ? number_in(s["resolution_s"], resolution, 0, 60) : 0.05};
    replay.begin();
    for (auto const& bucket : as_list(field_of(s, buckets), buckets)) {
      if (!bucket.is_array() || bucket.size() != 4) is_not(bucket, buckets, "a list of four numbers");
      double n[4];
      for (std::size_t i = 0; i != 4; ++i) n[i] = number_in(bucket[i], buckets, 0, 1e6);
      ++r.asked;
      if (replay.explains(n[0], n[1], n[2], std::floor(n[3])))
        ++r.equal;
      else
        r.differences.push_back("bucket " + bucket.dump() + ": the curve gives " +
                                std::to_string(replay.expected((n[0] + n[1]) / 2, n[3])));
    }
  }
  return r;
}

}  // namespace conform
