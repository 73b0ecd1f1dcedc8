// SPDX-License-Identifier: MIT
// Flap damping: a backend that goes down again and again is not believed at once when it comes up.
//
//   equipoise::flap_damping<server> damping{pool};
//   damping.report(id, passed, now);  // a checker, instead of pool.set() and pool.clear()
//   damping.advance(now);             // a timer, each second
//
// Each time that a backend goes down, its penalty grows. The penalty halves with each half-life. Above a threshold the
// backend stays down, whatever the checks say, until the penalty has fallen below another one. A backend that goes down
// is always believed at once. One that comes up begins its slow start then.
//
// It stands between the checker and the pool: it alone sets and clears health_flag::down (or the flag of its options),
// so no two parts of a program write one flag, and `down` means what it meant before. A pick in panic still gets the
// backend.
//
// Source: RFC 2439 (BGP route flap damping); the numbers are Cisco's for a half-life of 15 minutes.
#pragma once

#include <equipoise/health/detail/ejections.hpp>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How long a flapping backend is not believed. With the presets, the third time down within a minute keeps a backend
/// down for about two minutes, and one that stays up is believed after four minutes at the latest.
struct flap_damping_options {
  double penalty = 1000;                                               ///< of one time down
  double suppress_at = 2000;                                           ///< from that much on the backend stays down
  double reuse_below = 750;                                            ///< until it is less than that
  std::chrono::nanoseconds half_life = std::chrono::minutes{1};        ///< of the penalty
  std::chrono::nanoseconds most_suppressed = std::chrono::minutes{4};  ///< a backend that stays up is believed after it
  health_flag flag = health_flag::down;                                ///< what it sets and clears

  /// Fails if a value is out of range, naming it.
  void check() const {
    positive("penalty", penalty);
    positive("suppress_at", suppress_at);
    positive("reuse_below", reuse_below);
    positive("half_life", static_cast<double>(half_life.count()));
    positive("most_suppressed", static_cast<double>(most_suppressed.count()));
    if (!(reuse_below < suppress_at)) refuse("reuse_below", std::to_string(reuse_below), "less than suppress_at");
    if (!(most_penalty() >= suppress_at))
      refuse("most_suppressed", std::to_string(most_suppressed.count()) + " ns", "enough to reach suppress_at");
    auto const bits = static_cast<std::uint32_t>(flag);
    constexpr auto pools = health_flag::removed | health_flag::zero_weight;
    if (bits == 0 || (bits & (bits - 1)) != 0 || bits > detail::health_bits || (flag & pools) != health_flag::none)
      refuse("flag", to_string(flag), "one flag that a program may set");
  }
  /// The penalty grows to that and no further, so that it falls below reuse_below within most_suppressed.
  double most_penalty() const noexcept {
    return reuse_below *
           std::exp2(static_cast<double>(most_suppressed.count()) / static_cast<double>(half_life.count()));
  }

 private:
  [[noreturn]] static void refuse(char const* name, std::string const& value, char const* wanted) {
    fail("equipoise: flap_damping_options::" + std::string{name} + " " + value + " is not " + wanted);
  }
  static void positive(char const* name, double value) {
    if (!(value > 0 && std::isfinite(value))) refuse(name, std::to_string(value), "a number above 0");
  }
};

/// How many changes a checker reported, and how many of them the pool saw. Each change of the pool is a line of a log.
struct flap_counts {
  std::uint64_t reported = 0;    ///< changes between up and down
  std::uint64_t shown = 0;       ///< changes of the pool's flag
  std::uint64_t suppressed = 0;  ///< times that a backend was not believed
  std::uint64_t dropped = 0;     ///< reports about no member
};

/// Damps what a checker says. See the top of the header. It must not outlive its pool.
template <class B>
class flap_damping {
 public:
  /// Fails if an option is out of range, or if there is no memory: 32 bytes for each slot that is used.
  explicit flap_damping(pool<B>& p, flap_damping_options const& o = {}) : pool_{p}, options_{o}, histories_{p} {
    o.check();
  }
  flap_damping(flap_damping const&) = delete;
  flap_damping& operator=(flap_damping const&) = delete;

  /// What a checker found. Returns whether the backend counts as up now. The first report about a member is no flap. A
  /// report about no member is dropped, and returns false. Blocking (a short mutex); from any thread.
  bool report(backend_id id, bool is_up, time_point now) {
    std::lock_guard const lock{mutex_};
    history* const h = histories_.find(id);
    if (h == nullptr) {
      ++counts_.dropped;
      return false;
    }
    bool const is_first = !std::exchange(h->is_known, true);
    bool const was_up = std::exchange(h->is_up, is_up);
    if (!is_first && was_up != is_up) ++counts_.reported;
    decay(*h, now);
    if (!is_up) {
      if (!is_first && was_up) punish(*h, id);
      show(id, false, now);
    } else if (!h->is_suppressed) {
      show(id, true, now);
    }
    return is_up && !h->is_suppressed;
  }

  /// Believes backends again once their penalty is low enough. Returns how many came up. Blocking (a short mutex);
  /// O(suppressed backends).
  std::size_t advance(time_point now) {
    std::lock_guard const lock{mutex_};
    std::size_t up = 0, kept = 0;
    for (backend_id const id : suppressed_) {
      history* const h = histories_.is_member(id) ? histories_.known(id) : nullptr;
      if (h == nullptr) continue;
      decay(*h, now);
      if (h->penalty >= options_.reuse_below) {
        suppressed_[kept++] = id;
        continue;
      }
      h->is_suppressed = false;
      if (h->is_up) show(id, true, now), ++up;
    }
    suppressed_.resize(kept);
    return up;
  }

  /// A member's penalty; 0 for others. Blocking (a short mutex).
  double penalty(backend_id id, time_point now) {
    std::lock_guard const lock{mutex_};
    history* const h = histories_.known(id);
    if (h == nullptr) return 0;
    decay(*h, now);
    return h->penalty;
  }
  /// How long until a backend that is not believed is believed again, if it stays up; 0 for others. Blocking (a short
  /// mutex).
  std::chrono::nanoseconds time_left(backend_id id, time_point now) {
    std::lock_guard const lock{mutex_};
    history* const h = histories_.known(id);
    if (h == nullptr || !h->is_suppressed) return {};
    decay(*h, now);
    double const half_lives = std::log2(std::max(h->penalty / options_.reuse_below, 1.0));
    return std::chrono::nanoseconds{
        static_cast<std::int64_t>(half_lives * static_cast<double>(options_.half_life.count()))};
  }
  /// How many backends are not believed. Blocking (a short mutex).
  std::size_t suppressed() const {
    std::lock_guard const lock{mutex_};
    return suppressed_.size();
  }
  /// What happened so far. Blocking (a short mutex).
  flap_counts counts() const {
    std::lock_guard const lock{mutex_};
    return counts_;
  }
  /// The options. Wait-free.
  flap_damping_options const& options() const noexcept { return options_; }

 private:
  struct history : detail::numbers_of_member {
    bool is_known, is_up, is_suppressed;
    double penalty;
    time_point at;  // of the penalty

    void begin() noexcept {
      is_known = is_up = is_suppressed = false;
      penalty = 0;
      at = time_point{};
    }
  };

  // A clock that goes backwards takes nothing off.
  void decay(history& h, time_point now) const noexcept {
    auto const passed = detail::elapsed(h.at, now);
    if (passed.count() <= 0 && h.penalty != 0) return;
    h.penalty *= std::exp2(-static_cast<double>(passed.count()) / static_cast<double>(options_.half_life.count()));
    if (!(h.penalty > options_.reuse_below * 1e-6)) h.penalty = 0;
    h.at = now;
  }
  void punish(history& h, backend_id id) {
    h.penalty = std::min(h.penalty + options_.penalty, options_.most_penalty());
    if (h.penalty < options_.suppress_at || h.is_suppressed) return;
    suppressed_.push_back(id);
    h.is_suppressed = true;
    ++counts_.suppressed;
  }
  void show(backend_id id, bool is_up, time_point now) noexcept {
    bool const shown_up = (pool_.health(id) & options_.flag) == health_flag::none;
    if (shown_up == is_up) return;
    if (is_up ? pool_.clear(id, options_.flag, now) : pool_.set(id, options_.flag)) ++counts_.shown;
  }

  pool<B>& pool_;
  flap_damping_options const options_;
  mutable std::mutex mutex_;
  detail::numbers_by_slot<pool<B>, history> histories_;
  std::vector<backend_id> suppressed_;
  flap_counts counts_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
