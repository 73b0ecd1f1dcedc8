// SPDX-License-Identifier: MIT
// A backend that fails too often is out for a time, and then one request decides whether it comes back: nginx's
// max_fails and fail_timeout.
//
//   equipoise::failure_window<server> window{pool, {.failures = 3, .window = std::chrono::seconds{30}}};
//   auto lease = picker.acquire();
//   if (lease && !window.began(lease.id(), now)) …              // its trial is under way: pick another one
//   window.report(lease.id(), equipoise::outcome::error, now);  // when the work has ended
//   window.advance(now);                                        // a timer, each second
//
// It sets and clears health_flag::ejected, and no other flag. Use one detector for each pool that does.
//
// Failures are not counted in a sliding window. As in nginx, they add up until a request that began more than a window
// after the last failure ends well. Times are whole seconds, as nginx's: with a window of 30 s a backend is out for 30
// s to 31 s.
//
// Source: ngx_http_upstream_round_robin.c of nginx 1.22.1.
#pragma once

#include <equipoise/health/detail/half_open.hpp>

#include <algorithm>
#include <limits>
#include <mutex>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// When a backend is out, and for how long.
struct failure_window_options {
  std::uint32_t failures = 3;                                     ///< so many put it out; 0: none does
  std::chrono::nanoseconds window = std::chrono::seconds{30};     ///< it is out for longer than that
  std::chrono::nanoseconds resolution = std::chrono::seconds{1};  ///< times are whole multiples of that
  double most_ejected = 100;                                      ///< percent of the backends that may be out at once

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (window.count() < 0) refuse("window", std::to_string(window.count()) + " ns", "0 or more");
    if (resolution.count() <= 0) refuse("resolution", std::to_string(resolution.count()) + " ns", "more than 0");
    if (!(most_ejected >= 0 && most_ejected <= 100))
      refuse("most_ejected", std::to_string(most_ejected), "within 0 … 100");
  }

 private:
  [[noreturn]] static void refuse(char const* name, std::string const& value, char const* wanted) {
    fail("equipoise: failure_window_options::" + std::string{name} + " " + value + " is not " + wanted);
  }
};

/// What happened so far. Numbers since the detector was made.
struct half_open_counts {
  std::atomic<std::uint64_t> ejected{0};   ///< times that a backend went out, failed trials included
  std::atomic<std::uint64_t> trials{0};    ///< requests that were let through to decide
  std::atomic<std::uint64_t> revived{0};   ///< trials that brought a backend back
  std::atomic<std::uint64_t> too_many{0};  ///< times that a backend stayed in because too many were out
  std::atomic<std::uint64_t> dropped{0};   ///< reports about no member
};

/// Puts backends out after failures. See the top of the header. It must not outlive its pool.
template <class B>
class failure_window {
 public:
  /// Fails if an option is out of range, or if there is no memory: 64 bytes for each slot that is used.
  explicit failure_window(pool<B>& p, failure_window_options const& o = {})
      : pool_{p}, options_{checked(o)}, length_{o.window / o.resolution}, hosts_{p, health_flag::ejected} {}
  failure_window(failure_window const&) = delete;
  failure_window& operator=(failure_window const&) = delete;
  /// Brings back all that are out, so that another detector can take over. Must run before the pool ends.
  ~failure_window() { hosts_.come_back_all(); }

  /// A member's own numbers, as `max_fails` and `fail_timeout` of a server line. They end with its membership. False if
  /// it is no member. Fails if the window is negative. Lock-free.
  bool set_limits(backend_id id, std::uint32_t failures, std::chrono::nanoseconds window) {
    failure_window_options own = options_;
    own.window = window;
    own.check();
    host* const h = hosts_.find(id);
    if (h == nullptr) return false;
    h->limit.store(failures, detail::relaxed);
    h->length.store(window / options_.resolution, detail::relaxed);
    h->has_limits.store(true, detail::relaxed);
    return true;
  }

  /// A piece of work begins on a backend, right after the pick. False if another request is the backend's trial now:
  /// this one should pick again, without it. True for an id that is no member's. Lock-free, from any thread; allocates
  /// nothing.
  bool began(backend_id id, time_point now) noexcept {
    host* const h = hosts_.find(id);
    if (h == nullptr) return true;
    if (hosts_.is_open(*h)) {
      if (h->failures.load(detail::relaxed) == 0) return true;  // a success has nothing to forget
      std::int64_t const t = units(now);
      std::int64_t checked = h->checked.load(detail::relaxed);
      if (passed(checked, t) > length_of(*h)) h->checked.compare_exchange_strong(checked, t, detail::relaxed);
      return true;
    }
    bool const is_trial = hosts_.begin_trial(*h, id, [&] {
      std::int64_t const failed = h->accessed.load(detail::relaxed), t = units(now);
      bool const is_end = failed == std::numeric_limits<std::int64_t>::max();
      // Later than the failure, whatever the clock says.
      h->checked.store(t > failed || is_end ? t : failed + 1, detail::relaxed);
    });
    if (is_trial) detail::add_one(counts_.trials);
    return is_trial;
  }

  /// A piece of work has ended. `rejected` and `cancelled` say nothing. (nginx takes a client that goes away for a
  /// success: report `ok` to do the same.) A report about no member is dropped. Lock-free, from any thread; allocates
  /// nothing.
  void report(backend_id id, outcome how, time_point now) noexcept {
    if (how == outcome::rejected || how == outcome::cancelled) return;
    host* const h = hosts_.find(id);
    if (h == nullptr) return detail::add_one(counts_.dropped);
    if (how == outcome::ok) {
      if (h->failures.load(detail::relaxed) == 0) return;
      bool const has_begun = h->accessed.load(detail::relaxed) < h->checked.load(detail::relaxed);
      if (!has_begun) return;  // no window since the last failure
      h->failures.store(0, detail::relaxed);
      if (!hosts_.is_open(*h) && hosts_.revive(*h, id, [] {})) detail::add_one(counts_.revived);
      return;
    }
    // A clock that went backwards ends nothing early.
    std::int64_t const t = std::max(units(now), h->checked.load(detail::relaxed));
    h->accessed.store(t, detail::relaxed);
    h->checked.store(t, detail::relaxed);
    h->all_failures.fetch_add(1, detail::relaxed);
    std::uint32_t const limit = limit_of(*h);
    if (h->failures.fetch_add(1, detail::relaxed) + 1 < limit || limit == 0) return;
    auto const done = hosts_.put_out(
        *h, id, [&](std::size_t already) { return may_leave(already); }, [] {});
    if (done == detail::put_out_result::out) detail::add_one(counts_.ejected);
    if (done == detail::put_out_result::too_many) detail::add_one(counts_.too_many);
  }

  /// Lets backends be tried when their time is over. Blocking (a mutex of its own); O(those that are out).
  void advance(time_point now) {
    std::lock_guard const lock{mutex_};
    std::int64_t const t = units(now);
    hosts_.advance([&](host& h) { return passed(h.checked.load(detail::relaxed), t) > length_of(h); });
    hosts_.bring_back_those_too_many([&](std::size_t already) { return may_leave(already); },
                                     [](host& h) { h.failures.store(0, detail::relaxed); });
  }

  /// How long until a backend that is out gets its trial, at most a resolution more; 0 for others. Wait-free.
  std::chrono::nanoseconds time_left(backend_id id, time_point now) noexcept {
    host* const h = hosts_.known(id);
    if (h == nullptr || h->state.load(std::memory_order_acquire) != host::is_out) return {};
    std::int64_t const left = length_of(*h) + 1 - passed(h->checked.load(detail::relaxed), units(now));
    return left > 0 ? options_.resolution * left : std::chrono::nanoseconds{0};
  }

  /// How many are out, on trial, or were so at the last advance(): never more than the limit. Wait-free.
  std::size_t ejected() const noexcept { return hosts_.count(); }
  /// What happened so far. Wait-free.
  half_open_counts const& counts() const noexcept { return counts_; }
  /// The options. Wait-free.
  failure_window_options const& options() const noexcept { return options_; }

  /// A member's failures since its first report, and how many put it out.
  struct history {
    std::uint32_t failures = 0, limit = 0;
  };
  /// No failures for an id without a report. Wait-free.
  history history_of(backend_id id) noexcept {
    host* const h = hosts_.known(id);
    return h == nullptr ? history{0, options_.failures} : history{h->all_failures.load(detail::relaxed), limit_of(*h)};
  }
  /// The slot of every member's id is below this number. Wait-free.
  std::uint32_t slots() const noexcept { return pool_.slots(); }

 private:
  static constexpr std::int64_t long_ago = std::numeric_limits<std::int64_t>::min();

  // Times in units of the resolution.
  struct alignas(detail::cache_line) host : detail::ejectable {
    std::atomic<std::uint32_t> failures, all_failures;  // since they were forgotten; since the membership began
    std::atomic<std::uint32_t> limit;
    std::atomic<bool> has_limits;
    std::atomic<std::int64_t> accessed, checked;  // the last failure; that, or the request that began a window
    std::atomic<std::int64_t> length;

    void begin() noexcept {
      for (auto* n : {&failures, &all_failures}) n->store(0, detail::relaxed);
      for (auto* n : {&accessed, &checked}) n->store(long_ago, detail::relaxed);
      has_limits.store(false, detail::relaxed);
    }
  };

  static failure_window_options const& checked(failure_window_options const& o) {
    o.check();
    return o;
  }
  std::int64_t units(time_point t) const noexcept {
    std::int64_t const n = t.time_since_epoch().count(), unit = options_.resolution.count();
    return n / unit - (n % unit < 0);
  }
  static std::int64_t passed(std::int64_t from, std::int64_t to) noexcept {
    if (from == long_ago) return std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from));
  }
  std::uint32_t limit_of(host const& h) const noexcept {
    return h.has_limits.load(detail::relaxed) ? h.limit.load(detail::relaxed) : options_.failures;
  }
  std::int64_t length_of(host const& h) const noexcept {
    return h.has_limits.load(detail::relaxed) ? h.length.load(detail::relaxed) : length_;
  }
  bool may_leave(std::size_t already) const noexcept {
    return detail::is_within(options_.most_ejected, already, pool_.size());
  }

  pool<B>& pool_;
  failure_window_options const options_;
  std::int64_t const length_;
  detail::half_open<pool<B>, host> hosts_;
  half_open_counts counts_;
  std::mutex mutex_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
