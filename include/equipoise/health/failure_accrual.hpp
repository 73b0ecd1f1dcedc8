// SPDX-License-Identifier: MIT
// A breaker for each backend, as Finagle's failure accrual: a backend with too low a success rate, or with too many
// failures in a row, gets nothing for a growing time, and then one trial request.
//
//   equipoise::failure_accrual<server> breaker{pool};
//   auto lease = picker.acquire();
//   if (lease && !breaker.began(lease.id(), now)) …              // its trial is under way: pick another one
//   breaker.report(lease.id(), equipoise::outcome::error, now);  // when the work has ended
//   breaker.advance(now);                                        // a timer, each second or more often
//
// It sets and clears health_flag::circuit_open, and no other flag.
//
// Source: FailureAccrualPolicy and FailureAccrualFactory of Finagle (2021), with their presets. Different from them:
// a trial that is never reported is followed by another one after trial_time; both tests share one sequence of times;
// and a limit may keep backends in.
#pragma once

#include <equipoise/core/random_source.hpp>
#include <equipoise/health/failure_window.hpp>

#include <cmath>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// When a backend gets nothing, and for how long. The presets are Finagle's.
struct failure_accrual_options {
  double success_rate = 0.8;                                   ///< a lower rate is too low; 0: the test is off
  std::chrono::nanoseconds window = std::chrono::seconds{30};  ///< the mean age of what the rate remembers
  std::uint32_t least_requests = 5;                            ///< within the window, for the rate to count
  /// If it is not 0, the rate remembers about so many requests, whatever the time, and counts after as many.
  std::uint32_t window_requests = 0;
  std::uint32_t failures = 5;  ///< so many without a success in between are too many; 0: the test is off

  std::chrono::nanoseconds first_time = std::chrono::seconds{5};   ///< it gets nothing for that long, then twice as
                                                                   ///< long, with up to as much again by chance, …
  std::chrono::nanoseconds most_time = std::chrono::seconds{300};  ///< … but no longer than that
  std::chrono::nanoseconds trial_time = std::chrono::seconds{30};  ///< a trial that is not reported by then is lost
  double most_open = 100;  ///< percent of the backends that may get nothing at once

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (!(success_rate >= 0 && success_rate <= 1)) refuse("success_rate", std::to_string(success_rate), "within 0 … 1");
    if (!(most_open >= 0 && most_open <= 100)) refuse("most_open", std::to_string(most_open), "within 0 … 100");
    positive("window", window);
    positive("first_time", first_time);
    positive("trial_time", trial_time);
    if (most_time < first_time) refuse("most_time", std::to_string(most_time.count()) + " ns", "first_time or more");
  }

 private:
  [[noreturn]] static void refuse(char const* name, std::string const& value, char const* wanted) {
    fail("equipoise: failure_accrual_options::" + std::string{name} + " " + value + " is not " + wanted);
  }
  static void positive(char const* name, std::chrono::nanoseconds value) {
    if (value.count() <= 0) refuse(name, std::to_string(value.count()) + " ns", "more than 0");
  }
};

/// Breaks the circuit to backends that fail. See the top of the header. It must not outlive its pool.
template <class B>
class failure_accrual {
 public:
  /// Fails if an option is out of range, or if there is no memory: 128 bytes for each slot that is used. The seed
  /// decides the times.
  explicit failure_accrual(pool<B>& p, failure_accrual_options const& o = {}, std::uint64_t seed = 1)
      : pool_{p}, options_{o}, hosts_{p, health_flag::circuit_open}, random_{seed} {
    o.check();
  }
  failure_accrual(failure_accrual const&) = delete;
  failure_accrual& operator=(failure_accrual const&) = delete;
  /// Brings back all that are out, so that another detector can take over. Must run before the pool ends.
  ~failure_accrual() { hosts_.come_back_all(); }

  /// A piece of work begins on a backend, right after the pick. False if another request is the backend's trial now:
  /// this one should pick again, without it. True for an id that is no member's. Lock-free, from any thread; allocates
  /// nothing.
  bool began(backend_id id, time_point now) noexcept {
    host* const h = hosts_.known(id);
    if (h == nullptr || hosts_.is_open(*h)) return true;
    bool const is_trial =
        hosts_.begin_trial(*h, id, [&] { h->until.store(after(now, options_.trial_time), detail::relaxed); });
    if (is_trial) detail::add_one(counts_.trials);
    return is_trial;
  }

  /// A piece of work has ended. `rejected` and `cancelled` say nothing; a trial that ends so is repeated. The first of
  /// those that end decides, also if it is not the trial itself. A report about no member is dropped. Lock-free, from
  /// any thread; allocates nothing.
  void report(backend_id id, outcome how, time_point now) noexcept {
    host* const h = hosts_.find(id);
    if (h == nullptr) return detail::add_one(counts_.dropped);
    auto const state = h->state.load(std::memory_order_acquire);
    if (how == outcome::rejected || how == outcome::cancelled) {
      if (state == host::is_on_trial) hosts_.repeat_trial(*h, id);
    } else if (how == outcome::ok) {
      if (state == host::is_on_trial && hosts_.revive(*h, id, [&] { h->forget(); })) detail::add_one(counts_.revived);
      if (h->failures.load(detail::relaxed) != 0) h->failures.store(0, detail::relaxed);
      note(*h, 1, now);
    } else if (hosts_.is_open(*h) || state == host::is_on_trial) {
      bool const in_a_row =
          h->failures.fetch_add(1, detail::relaxed) + 1 >= options_.failures && options_.failures != 0;
      note(*h, 0, now);
      if (in_a_row || rate_is_low(*h, now))
        open(*h, id, now);
      else if (state == host::is_on_trial)
        hosts_.repeat_trial(*h, id);  // it did not decide
    }
  }

  /// Lets backends be tried when their time is over. Blocking (a mutex of its own); O(those that get nothing).
  void advance(time_point now) {
    std::lock_guard const lock{mutex_};
    hosts_.advance([&](host& h) { return h.until.load(detail::relaxed) <= now.time_since_epoch().count(); });
    hosts_.bring_back_those_too_many([&](std::size_t already) { return may_open(already); },
                                     [](host& h) { h.forget(); });
  }

  /// How long until a backend that gets nothing gets its trial; 0 for others. Wait-free.
  std::chrono::nanoseconds time_left(backend_id id, time_point now) noexcept {
    host* const h = hosts_.known(id);
    if (h == nullptr || h->state.load(std::memory_order_acquire) != host::is_out) return {};
    time_point const until{std::chrono::nanoseconds{h->until.load(detail::relaxed)}};
    return until > now ? detail::elapsed(now, until) : std::chrono::nanoseconds{0};
  }

  /// How many get nothing, are on trial, or were so at the last advance(): never more than the limit. Wait-free.
  std::size_t opened() const noexcept { return hosts_.count(); }
  /// What happened so far. Wait-free.
  half_open_counts const& counts() const noexcept { return counts_; }
  /// The options. Wait-free.
  failure_accrual_options const& options() const noexcept { return options_; }
  /// The success rate that is compared; 1 for an id without a report. Wait-free.
  double success_rate(backend_id id) noexcept {
    host* const h = hosts_.known(id);
    return h == nullptr || h->last.load(detail::relaxed) == none ? 1 : h->rate.load(detail::relaxed);
  }

 private:
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
  static constexpr std::size_t slices = 5;  // of the window, in which requests are counted; Finagle's number

  struct alignas(detail::cache_line) host : detail::ejectable {
    std::atomic<std::uint32_t> failures;  // without a success in between
    std::atomic<std::uint32_t> times;     // that it got nothing, since it was forgotten
    std::atomic<std::uint32_t> requests;  // since then; not more than window_requests
    std::atomic<std::int64_t> first, last, until;
    std::atomic<double> rate;
    std::atomic<std::uint64_t> slice[slices];  // its number, and its requests

    void begin() noexcept {
      forget();
      failures.store(0, detail::relaxed);
    }
    void forget() noexcept {
      for (auto* n : {&failures, &times, &requests}) n->store(0, detail::relaxed);
      for (auto* n : {&first, &last}) n->store(none, detail::relaxed);
      rate.store(1, detail::relaxed);
      for (auto& n : slice) n.store(0, detail::relaxed);
    }
  };

  // Notes a success or a failure, 1 or 0.
  void note(host& h, double x, time_point now) noexcept {
    if (options_.success_rate <= 0) return;
    std::int64_t const t = now.time_since_epoch().count();
    if (h.first.load(detail::relaxed) == none) h.first.store(t, detail::relaxed);
    bool const by_requests = options_.window_requests != 0;
    if (by_requests) {
      std::uint32_t const n = h.requests.load(detail::relaxed);
      if (n < options_.window_requests) h.requests.store(n + 1, detail::relaxed);
    } else {
      count(h, t);
    }
    std::int64_t last = h.last.load(detail::relaxed);
    bool const is_known = last != none;
    double before = h.rate.load(detail::relaxed), rate = x;
    if (is_known && before == x) {  // nothing but the time changes
      if (last < t) h.last.store(t, detail::relaxed);
      return;
    }
    // Each report takes the time since the one before. A clock that goes backwards takes none.
    while (last < t && !h.last.compare_exchange_weak(last, t, detail::relaxed)) {
    }
    double const window = static_cast<double>(options_.window.count());
    double const age = by_requests ? 1.0 / options_.window_requests
                       : last < t  ? static_cast<double>(between(last, t)) / window
                                   : 0;
    double const weight = std::exp(-age);
    do {
      rate = is_known ? x * (1 - weight) + before * weight : x;
    } while (!h.rate.compare_exchange_weak(before, rate, detail::relaxed));
  }
  bool rate_is_low(host& h, time_point now) const noexcept {
    if (!(h.rate.load(detail::relaxed) < options_.success_rate)) return false;
    if (options_.window_requests != 0) return h.requests.load(detail::relaxed) >= options_.window_requests;
    std::int64_t const t = now.time_since_epoch().count();
    return between(h.first.load(detail::relaxed), t) >= options_.window.count() &&
           counted(h, t) >= options_.least_requests;
  }

  // The requests of a window, in slices.
  std::uint32_t slice_of(std::int64_t t) const noexcept {
    std::int64_t const length = options_.window.count() / static_cast<std::int64_t>(slices) + 1;
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(t / length));
  }
  void count(host& h, std::int64_t t) const noexcept {
    std::uint32_t const number = slice_of(t);
    auto& own = h.slice[number % slices];
    std::uint64_t before = own.load(detail::relaxed);
    if (before >> 32 == number)
      own.fetch_add(1, detail::relaxed);
    else
      own.compare_exchange_strong(before, std::uint64_t{number} << 32 | 1, detail::relaxed);
  }
  std::uint64_t counted(host const& h, std::int64_t t) const noexcept {
    std::uint32_t const number = slice_of(t);
    std::uint64_t sum = 0;
    for (auto const& s : h.slice) {
      std::uint64_t const n = s.load(detail::relaxed);
      if (number - static_cast<std::uint32_t>(n >> 32) < slices) sum += n & 0xFFFFFFFF;
    }
    return sum;
  }

  void open(host& h, backend_id id, time_point now) noexcept {
    auto const done = hosts_.put_out(
        h, id, [&](std::size_t already) { return may_open(already); },
        [&] {
          std::uint32_t const times = h.times.load(detail::relaxed);
          h.times.store(times + (times != 63), detail::relaxed);
          h.until.store(after(now, length(times)), detail::relaxed);
        });
    if (done == detail::put_out_result::out) detail::add_one(counts_.ejected);
    if (done == detail::put_out_result::too_many) detail::add_one(counts_.too_many);
  }
  // Equal jitter: half of the growth is kept, the other half is drawn.
  std::chrono::nanoseconds length(std::uint32_t times) noexcept {
    if (times == 0) return options_.first_time;
    std::uint32_t const doublings = times - 1;
    if (doublings >= 62 || options_.first_time.count() > options_.most_time.count() >> doublings)
      return options_.most_time;
    std::int64_t const half = options_.first_time.count() << doublings;
    std::uint64_t const r = mix(random_.fetch_add(golden_gamma, detail::relaxed) + golden_gamma);
    auto const drawn = static_cast<std::int64_t>(multiply_high(r, static_cast<std::uint64_t>(half)));
    return drawn < options_.most_time.count() - half ? std::chrono::nanoseconds{half + drawn} : options_.most_time;
  }
  static std::int64_t after(time_point now, std::chrono::nanoseconds length) noexcept {
    std::int64_t const t = now.time_since_epoch().count(), most = std::numeric_limits<std::int64_t>::max();
    return t > most - length.count() ? most : t + length.count();
  }
  static std::int64_t between(std::int64_t from, std::int64_t to) noexcept {
    return detail::elapsed(time_point{std::chrono::nanoseconds{from}}, time_point{std::chrono::nanoseconds{to}})
        .count();
  }
  bool may_open(std::size_t already) const noexcept {
    return detail::is_within(options_.most_open, already, pool_.size());
  }

  pool<B>& pool_;
  failure_accrual_options const options_;
  detail::half_open<pool<B>, host> hosts_;
  half_open_counts counts_;
  std::atomic<std::uint64_t> random_;
  std::mutex mutex_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
