// SPDX-License-Identifier: MIT
// Weights by what backends say of their load: a backend that does more work with less effort gets more.
//
//   equipoise::orca_weights weights{pool};            // by Envoy's rules
//   weights.report(lease.id(), *report, now);         // a worker, for each response with a load report
//   weights.update(now);                              // a timer, each second
//
// The weights go into the pool, so any policy that counts weights follows them. A backend without a known weight gets
// the median of the others (Envoy) or their mean (gRPC), so it is neither flooded nor starved.
//
// Sources: client_side_weighted_round_robin of Envoy 1.40; gRFC A58 and grpc-go 1.85.
#pragma once

#include <equipoise/health/detail/ejections.hpp>
#include <equipoise/health/orca_report.hpp>

#include <algorithm>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How orca_weights reads reports, and how long it believes them.
struct orca_options {
  std::chrono::nanoseconds blackout = std::chrono::seconds{10};  ///< so long reports are heard before they count
  std::chrono::nanoseconds expiry = std::chrono::seconds{180};   ///< a report counts no longer than that
  double error_penalty = 0;  ///< what the share of failed requests adds to the utilization, for each 100 %
  /// The utilization is the largest of these, if it is above 0: names such as "mem_utilization", "named_metrics.queue",
  /// "utilization.*". Else it is that of the application, else that of the processors.
  std::vector<std::string> metrics{};

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (blackout.count() < 0) refuse("blackout", std::to_string(blackout.count()) + " ns", "0 or more");
    if (expiry.count() <= 0) refuse("expiry", std::to_string(expiry.count()) + " ns", "more than 0");
    if (!(error_penalty >= 0 && std::isfinite(error_penalty)))
      refuse("error_penalty", std::to_string(error_penalty), "a number of 0 or more");
  }

 private:
  [[noreturn]] static void refuse(char const* name, std::string const& value, char const* wanted) {
    fail("equipoise: orca_options::" + std::string{name} + " " + value + " is not " + wanted);
  }
};

/// Envoy's rules (1.40).
struct envoy_orca_rules {
  /// The weight that a report stands for; empty if it says nothing. A number that is negative says nothing either.
  static std::optional<double> weight(orca_report const& r, orca_options const& o) noexcept {
    double const all = utilization(r, o) + (r.rps_fractional > 0 ? o.error_penalty * r.eps / r.rps_fractional : 0);
    if (!(r.rps_fractional > 0) || !(all > 0)) return {};
    return std::floor(std::min(r.rps_fractional / all, 4294967295.0));
  }
  static bool is_expired(std::chrono::nanoseconds age, orca_options const& o) noexcept { return age > o.expiry; }

  /// The weights as integers; those that are unknown get the median of the others, or 1 if none is known.
  static std::vector<std::uint32_t> integers(std::vector<std::optional<double>> const& weights) {
    std::vector<double> known;
    for (auto const& w : weights)
      if (w) known.push_back(*w);
    std::sort(known.begin(), known.end());
    std::size_t const n = known.size();
    double const median = n == 0 ? 1 : std::floor(n % 2 != 0 ? known[n / 2] : (known[n / 2 - 1] + known[n / 2]) / 2);
    std::vector<std::uint32_t> all(weights.size());
    for (std::size_t i = 0; i != all.size(); ++i) all[i] = static_cast<std::uint32_t>(weights[i].value_or(median));
    return all;
  }

  /// The utilization of a report.
  static double utilization(orca_report const& r, orca_options const& o) noexcept {
    double most = 0;
    for (std::string const& name : o.metrics) most = std::max(most, r.largest(name));
    return most > 0 ? most : r.application_utilization > 0 ? r.application_utilization : r.cpu_utilization;
  }
};

/// gRPC's rules (A58, grpc-go 1.85; the named metrics are A114's).
struct grpc_orca_rules {
  static std::optional<double> weight(orca_report const& r, orca_options const& o) noexcept {
    double const used = envoy_orca_rules::utilization(r, o);
    if (!(r.rps_fractional > 0) || !(used > 0)) return {};
    double const weight = r.rps_fractional / (used + (r.eps / r.rps_fractional) * o.error_penalty);
    if (!(weight > 0) || !std::isfinite(weight)) return {};
    return std::min(std::max(weight, 1e-100), 1e100);  // so that sums and quotients of them are finite
  }
  static bool is_expired(std::chrono::nanoseconds age, orca_options const& o) noexcept { return age >= o.expiry; }

  /// The weights in proportion, the largest 65 535; those that are unknown get the mean of the others. 1 for all if
  /// fewer than two are known.
  static std::vector<std::uint32_t> integers(std::vector<std::optional<double>> const& weights) {
    double sum = 0, most = 0;
    std::size_t known = 0;
    for (auto const& w : weights)
      if (w) sum += *w, most = std::max(most, *w), ++known;
    if (known < 2) return std::vector<std::uint32_t>(weights.size(), 1);
    double const factor = 65535 / most, mean = std::round(factor * (sum / static_cast<double>(known)));
    std::vector<std::uint32_t> all(weights.size());
    for (std::size_t i = 0; i != all.size(); ++i)
      all[i] = static_cast<std::uint32_t>(weights[i].has_value() ? std::round(factor * weights[i].value_or(0)) : mean);
    return all;
  }

  /// A58's presets.
  static orca_options presets() {
    orca_options o;
    o.error_penalty = 1;
    return o;
  }
};

namespace detail {

// What was reported about a member. Times are in nanoseconds.
template <class Memory>
struct basic_load : basic_numbers_of_member<Memory> {
  using orders = typename Memory::orders;
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
  typename Memory::template atomic<double> weight;
  typename Memory::template atomic<std::int64_t> first, last;  // reports of the present run

  void begin() noexcept { first.store(none, relaxed); }
  void hear(double new_weight, std::int64_t now) noexcept {
    weight.store(new_weight, relaxed);
    last.store(now, relaxed);
    std::int64_t expected = none;
    first.compare_exchange_strong(expected, now, orders::give, relaxed);
  }
  // When the run began; `none` without one. The weight and the last report are of that run, or of a later one.
  std::int64_t since() const noexcept { return first.load(orders::look); }
  void end(std::int64_t run) noexcept { first.compare_exchange_strong(run, none, relaxed, relaxed); }
};

}  // namespace detail

/// Sets the weights of a pool by load reports. See the top of the header. It must not outlive its pool.
template <class B, class Rules = envoy_orca_rules>
class orca_weights {
 public:
  /// Fails if an option is out of range, or if there is no memory: 64 bytes for each slot that is used.
  explicit orca_weights(pool<B>& p, orca_options o = {}) : pool_{p}, options_{std::move(o)}, loads_{p} {
    options_.check();
  }
  orca_weights(orca_weights const&) = delete;
  orca_weights& operator=(orca_weights const&) = delete;

  /// Hears a report. False if it says nothing, which leaves the last one standing, or if the backend is no member
  /// (counted in dropped()). Lock-free, from any thread; allocates nothing; O(options.metrics · numbers).
  bool report(backend_id id, orca_report const& r, time_point now) noexcept {
    auto const weight = Rules::weight(r, options_);
    load* const l = loads_.find(id);
    if (l == nullptr) detail::add_one(dropped_);
    if (l == nullptr || !weight) return false;
    l->hear(*weight, now.time_since_epoch().count());
    return true;
  }

  /// The weight of a member by its reports; empty if none counts now. Wait-free.
  std::optional<double> weight(backend_id id, time_point now) noexcept {
    load* const l = loads_.known(id);
    std::int64_t const first = l == nullptr ? load::none : l->since();
    if (first == load::none) return {};
    if (Rules::is_expired(age(l->last.load(detail::relaxed), now), options_)) {
      l->end(first);  // the next one has to wait again
      return {};
    }
    if (options_.blackout.count() > 0 && age(first, now) < options_.blackout) return {};
    return l->weight.load(detail::relaxed);
  }

  /// Puts the weights into the pool, and returns how many of them changed. No weight falls below 1. A member
  /// keeps a weight that is 0 or overridden. Fails as pool::change() does if a policy refuses the weights; nothing has
  /// changed then. Blocking; allocates; O(members · log members), and a publish if a weight changed.
  std::size_t update(time_point now) {
    std::vector<backend_id> ids;
    std::vector<std::uint32_t> before;
    std::vector<std::optional<double>> weights;
    pool_.for_each([&](backend_id id, B const&, attributes const& a, health_flag) {
      if (a.weight == 0) return;
      ids.push_back(id);
      before.push_back(a.weight);
      weights.push_back(weight(id, now));
    });
    auto const after = Rules::integers(weights);
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i != ids.size(); ++i)
      if (std::max(after[i], 1u) != before[i] && !pool_.overrides(ids[i]).weight) changed.push_back(i);
    if (!changed.empty())
      pool_.change([&](auto& t) {
        for (std::size_t const i : changed) t.update(ids[i], {.weight = std::max(after[i], 1u)});
      });
    return changed.size();
  }

  /// How many reports were about no member. Wait-free.
  std::uint64_t dropped() const noexcept { return dropped_.load(detail::relaxed); }
  /// The options. Wait-free.
  orca_options const& options() const noexcept { return options_; }

 private:
  struct alignas(detail::cache_line) load : detail::basic_load<detail::shipped_memory> {};

  static std::chrono::nanoseconds age(std::int64_t then, time_point now) noexcept {
    return detail::elapsed(time_point{std::chrono::nanoseconds{then}}, now);
  }

  pool<B>& pool_;
  orca_options const options_;
  detail::numbers_by_slot<pool<B>, load> loads_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
