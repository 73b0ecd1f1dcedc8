// SPDX-License-Identifier: MIT
// Passive health: a backend whose answers are bad, by themselves or beside those of the others, is ejected for a while.
//
//   equipoise::pool<server> pool;
//   equipoise::outlier_detection detection{pool};                  // by Envoy's rules
//   detection.report(lease.id(), equipoise::outcome::error, now);  // a worker, for each piece of work
//   detection.end_interval(now);                                   // a timer, each outlier_options::interval
//
// It sets and clears health_flag::ejected, and no other flag. An ejected backend always comes back: end_interval()
// brings it back when its time is over, bring_back() at once, for instance after a good check. The share of ejected
// backends never exceeds the limit, whatever the order of reports, joins and removals; after a removal the next
// end_interval() brings back those that are too many. Each process judges by what it sees itself.
//
// Sources: upstream/outlier_detection_impl.cc of Envoy 1.40; gRFC A50 and grpc-go 1.85.
#pragma once

#include <equipoise/core/random_source.hpp>
#include <equipoise/health/detail/ejections.hpp>
#include <equipoise/health/detail/outlier_rows.hpp>
#include <equipoise/health/outlier_rules.hpp>

#include <mutex>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How often a test found a backend bad, and what came of it. Numbers since the detection was made.
struct outlier_counts {
  static constexpr std::size_t tests = 5;
  std::atomic<std::uint64_t> detected[tests]{};  ///< by outlier_test
  std::atomic<std::uint64_t> ejected[tests]{};   ///< of these
  std::atomic<std::uint64_t> too_many{0};  ///< of these, not ejected because too many were out, or may_eject said no
  std::atomic<std::uint64_t> dropped{0};   ///< reports about no member
};

/// Ejects backends by their answers. See the top of the header. It must not outlive its pool.
template <class B, class Rules = envoy_outlier_rules>
class outlier_detection {
 public:
  /// Fails if an option is out of range, or if there is no memory: 128 bytes for each slot that is used. The seed
  /// decides the jitter, and which ejections a partly enforced test lets pass.
  explicit outlier_detection(pool<B>& p, outlier_options const& o = {}, std::uint64_t seed = 1)
      : pool_{p}, options_{o}, hosts_{p, health_flag::ejected}, random_{seed} {
    o.check();
  }
  outlier_detection(outlier_detection const&) = delete;
  outlier_detection& operator=(outlier_detection const&) = delete;
  /// Brings back all that are out, so that another detector can take over. Must run before the pool ends.
  ~outlier_detection() { hosts_.come_back_all(); }

  /// Reports how a piece of work went. A report about a backend that is out, or that is no member, is dropped.
  /// `rejected` and `cancelled` say nothing. `now` matters if the report ejects. Lock-free, from any thread; allocates
  /// nothing.
  void report(backend_id id, outcome how, time_point now) noexcept {
    if (how == outcome::rejected || how == outcome::cancelled) return;
    host* const h = hosts_.find(id);
    if (h == nullptr) return add(counts_.dropped);
    if (h->state.load(relaxed) != host::is_in) return;
    bool const is_split = options_.split_local && how == outcome::local_error;
    if (options_.split_local && !is_split) reset(h->local);
    if (is_split) {
      add(h->local_bad);
      if (reaches(h->local, options_.local_errors))
        eject(*h, id, outlier_test::local_errors, options_.local_errors.enforced, now);
    } else if (how == outcome::ok) {
      add(h->good);
      reset(h->gateway), reset(h->errors);
    } else {
      add(h->bad);
      if (how == outcome::error)
        reset(h->gateway);
      else if (reaches(h->gateway, options_.gateway_errors))
        eject(*h, id, outlier_test::gateway_errors, options_.gateway_errors.enforced, now);
      if (reaches(h->errors, options_.errors)) eject(*h, id, outlier_test::errors, options_.errors.enforced, now);
    }
  }

  /// Ends an interval: brings back those whose time is over, and compares the numbers of the interval. Blocking (the
  /// pool's mutex, and one of its own); allocates; O(members).
  void end_interval(time_point now) {
    std::lock_guard const lock{mutex_};
    if constexpr (Rules::returns_first) return_those_due(now);
    compare(now);
    if constexpr (!Rules::returns_first) return_those_due(now);
    bring_back_those_too_many(now);
  }

  /// Brings a backend back at once, as after a good check. False if it is not out. Blocking (a short mutex);
  /// O(ejected).
  bool bring_back(backend_id id, time_point now) {
    std::lock_guard const lock{mutex_};
    for (auto* link = hosts_.collect(); *link != 0; link = &hosts_.at(*link).next_out)
      if (hosts_.id_of(*link) == id) {
        come_back(link, now);
        return true;
      }
    return false;
  }

  /// How long a backend that is out stays out, without jitter of the timer; 0 for others. Blocking (a short mutex);
  /// O(ejected).
  std::chrono::nanoseconds time_left(backend_id id, time_point now) {
    std::lock_guard const lock{mutex_};
    for (auto* link = hosts_.collect(); *link != 0; link = &hosts_.at(*link).next_out) {
      host& h = hosts_.at(*link);
      if (hosts_.id_of(*link) == id)
        return std::max(h.length - detail::elapsed(h.left, now), std::chrono::nanoseconds{0});
    }
    return {};
  }

  /// How many are out. Wait-free.
  std::size_t ejected() const noexcept { return hosts_.count(); }
  /// What happened so far. Wait-free.
  outlier_counts const& counts() const noexcept { return counts_; }
  /// The options. Wait-free.
  outlier_options const& options() const noexcept { return options_; }

 private:
  static constexpr auto relaxed = detail::relaxed;

  struct alignas(detail::cache_line) host : detail::ejectable {
    std::atomic<std::uint32_t> errors, gateway, local;  // without a success in between
    std::atomic<std::uint64_t> good, bad, local_bad;    // since the membership began
    std::atomic<std::uint32_t> times;                   // ejections, less the intervals in peace
    // Written by the thread that ejects, before the state is is_out; afterwards with the mutex.
    time_point left;
    std::chrono::nanoseconds length;
    // With the mutex.
    std::uint32_t compared_tag;
    std::uint64_t good_before, bad_before, local_before;  // when the last interval ended
    time_point back;

    void forget_failures() noexcept {
      for (auto* n : {&errors, &gateway, &local}) n->store(0, relaxed);
    }
    void begin() noexcept {
      forget_failures();
      for (auto* n : {&good, &bad, &local_bad}) n->store(0, relaxed);
      times.store(0, relaxed);
    }
  };

  using row = detail::outlier_row<host>;

  template <class Number>
  static void add(std::atomic<Number>& n) noexcept {
    n.fetch_add(1, relaxed);
  }
  static void reset(std::atomic<std::uint32_t>& n) noexcept {
    if (n.load(relaxed) != 0) n.store(0, relaxed);
  }
  // Counts a failure. True for one thread, each time that there are enough.
  static bool reaches(std::atomic<std::uint32_t>& n, consecutive_test const& test) noexcept {
    if (test.failures == 0 || n.fetch_add(1, relaxed) + 1 != test.failures) return false;
    n.store(0, relaxed);
    return true;
  }

  EQUIPOISE_OUT_OF_LINE void eject(host& h, backend_id id, outlier_test test, double enforced,
                                   time_point now) noexcept {
    if (!hosts_.begin(h)) return;
    auto const kind = static_cast<std::size_t>(test);
    add(counts_.detected[kind]);
    bool const may = options_.may_eject == nullptr || options_.may_eject(options_.context, id);
    if (!may || !hosts_.reserve([&](std::size_t already) { return may_eject(already); })) {
      add(counts_.too_many);
      return hosts_.stay(h);
    }
    if (!is_enforced(enforced) || !hosts_.set(id)) {
      hosts_.unreserve();
      return hosts_.stay(h);
    }
    add(counts_.ejected[kind]);
    stay_out(h, now);
    auto const length = h.length;  // the timer may bring it back from here on
    hosts_.add(h, id);
    if (options_.observer != nullptr) options_.observer(options_.context, {id, test, failures_of(test), length});
  }
  std::uint32_t failures_of(outlier_test test) const noexcept {
    return test == outlier_test::errors           ? options_.errors.failures
           : test == outlier_test::gateway_errors ? options_.gateway_errors.failures
           : test == outlier_test::local_errors   ? options_.local_errors.failures
                                                  : 0;
  }
  bool may_eject(std::size_t already) const noexcept { return Rules::may_eject(already, pool_.size(), options_); }
  void stay_out(host& h, time_point now) noexcept {
    std::uint32_t const times = Rules::grown(h.times.load(relaxed), options_);
    h.times.store(times, relaxed);
    h.left = now;
    auto const most = Rules::most_time(options_);
    h.length = std::min(options_.base_time * std::min<std::int64_t>(times, most / options_.base_time + 1), most);
    if (options_.jitter.count() > 0)
      h.length += std::chrono::nanoseconds{static_cast<std::int64_t>(
          multiply_high(next_random(), static_cast<std::uint64_t>(options_.jitter.count()) + 1))};
  }
  bool is_enforced(double percent) noexcept {
    return percent >= 100 || static_cast<double>(multiply_high(next_random(), 100)) < percent;
  }
  std::uint64_t next_random() noexcept { return mix(random_.fetch_add(golden_gamma, relaxed) + golden_gamma); }

  // The rest runs with the mutex.

  void come_back(std::uint32_t* link, time_point now) noexcept {
    host& h = hosts_.at(*link);
    h.forget_failures();
    h.back = now;
    hosts_.come_back(link, now);
  }
  void return_those_due(time_point now) {
    pool_.for_each([&](backend_id id, auto const&, auto const&, health_flag) {
      host& h = hosts_[id.slot];
      if (h.tag.load(relaxed) != id.tag || h.state.load(std::memory_order_acquire) != host::is_in) return;
      std::uint32_t times = h.times.load(relaxed);
      if (times != 0 && Rules::falls(detail::elapsed(h.back, now), options_))
        h.times.compare_exchange_strong(times, times - 1, relaxed);  // unless it is being ejected
    });
    for (auto* link = hosts_.collect(); *link != 0;) {
      host& h = hosts_.at(*link);
      if (!hosts_.is_member(hosts_.id_of(*link)) || Rules::is_over(detail::elapsed(h.left, now), h.length))
        come_back(link, now);
      else
        link = &h.next_out;
    }
  }

  // After removals: the share of those that are left.
  void bring_back_those_too_many(time_point now) {
    auto* const out = hosts_.collect();
    auto const end_of = [&](std::uint32_t link) { return hosts_.at(link).left + hosts_.at(link).length; };
    while (*out != 0 && !may_eject(ejected() - 1)) {
      auto* earliest = out;
      for (auto* link = out; *link != 0; link = &hosts_.at(*link).next_out)
        if (end_of(*link) < end_of(*earliest)) earliest = link;
      come_back(earliest, now);
    }
  }

  void compare(time_point now) {
    std::vector<row> external, local;
    std::size_t members = 0;
    pool_.for_each([&](backend_id id, auto const&, auto const&, health_flag) {
      ++members;
      host& h = hosts_[id.slot];
      if (h.tag.load(std::memory_order_acquire) != id.tag) return;
      if (h.compared_tag != id.tag) h.good_before = h.bad_before = h.local_before = 0;
      h.compared_tag = id.tag;
      auto const since = [](std::atomic<std::uint64_t> const& n, std::uint64_t& before) {
        std::uint64_t const now_at = n.load(relaxed);
        return now_at - std::exchange(before, now_at);
      };
      auto const good = since(h.good, h.good_before), bad = since(h.bad, h.bad_before);
      auto const local_bad = since(h.local_bad, h.local_before);
      if (Rules::skips_ejected && h.state.load(relaxed) != host::is_in) return;
      if (good + bad != 0) external.push_back({&h, id, good, good + bad});
      if (options_.split_local && good + bad + local_bad != 0)
        local.push_back({&h, id, good + bad, good + bad + local_bad});
    });
    if (members < options_.success_rate.least_backends && members < options_.failures.least_backends) return;
    auto const& rate = options_.success_rate;
    auto const& failing = options_.failures;
    for (auto* rows : {&external, &local}) {
      detail::find_low_rates<Rules>(
          *rows, rate, [&](row const& r) { eject(*r.h, r.id, outlier_test::success_rate, rate.enforced, now); });
      detail::find_failing<Rules>(
          *rows, failing, [&](row const& r) { eject(*r.h, r.id, outlier_test::failures, failing.enforced, now); });
    }
  }
  pool<B>& pool_;
  outlier_options const options_;
  detail::ejections<pool<B>, host> hosts_;
  outlier_counts counts_;
  std::atomic<std::uint64_t> random_;
  std::mutex mutex_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
