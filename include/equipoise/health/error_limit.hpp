// SPDX-License-Identifier: MIT
// Answers that count for an active check, as HAProxy's `observe layer7` does: after too many errors without a good
// answer in between, the checker is told at once, and need not wait for its own checks to fail.
//
//   equipoise::error_limit<server> errors{pool};
//   auto const then = errors.report(lease.id(), equipoise::outcome::error);  // a worker, for each piece of work
//   if (then != equipoise::on_error::nothing) …                              // now and then: tell the checker
//
// It sets no flag of its own: whether the backend is down is the checker's to say.
//
// Source: HAProxy 2.6.12, `observe`, `error-limit`, `on-error`.
#pragma once

#include <equipoise/health/detail/ejections.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What a checker does when answers have reached the limit of errors.
enum class on_error : std::uint8_t {
  nothing,
  check_soon,    ///< `fastinter`: checks soon, and counts nothing
  fail_check,    ///< counts one failed check
  sudden_death,  ///< counts failed checks until one more would take the backend down, or takes it down
  mark_down,     ///< takes the backend down
};

/// How many errors are too many, and what comes of it. The presets are HAProxy's.
struct error_limit_options {
  std::uint32_t errors = 10;  ///< without a good answer in between; at least 1
  on_error then = on_error::fail_check;

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (errors == 0) fail("equipoise: error_limit_options::errors 0 is not 1 or more");
    if (then == on_error::nothing || then > on_error::mark_down)
      fail("equipoise: error_limit_options::then is not an action");
  }
};

/// The checker's counter after an action. `health` counts from 0 to rise + fall − 1, and the backend is up from `rise`
/// on. At `rise` one more failure takes it down.
constexpr std::uint32_t health_after(on_error action, std::uint32_t health, std::uint32_t rise) noexcept {
  if (action == on_error::nothing || action == on_error::check_soon || health == 0) return health;
  if (action == on_error::mark_down) return 0;
  if (action == on_error::sudden_death && health > rise) health = rise + 1;
  return --health < rise ? 0 : health;
}

/// What HAProxy takes an HTTP status for: an error from 500 on, but for 501 and 505.
constexpr outcome observed_outcome(int status) noexcept {
  return status < 500 || status == 501 || status == 505 ? outcome::ok : outcome::error;
}

/// Counts errors. See the top of the header. It must not outlive its pool.
template <class B>
class error_limit {
 public:
  /// Fails if an option is out of range, or if there is no memory: 64 bytes for each slot that is used.
  explicit error_limit(pool<B>& p, error_limit_options const& o = {}) : options_{o}, answers_{p} { o.check(); }
  error_limit(error_limit const&) = delete;
  error_limit& operator=(error_limit const&) = delete;

  /// Reports how a piece of work went, and returns what the checker has to do now; nothing, but for one report of each
  /// run of too many errors. `rejected` and `cancelled` say nothing. A report about no member is dropped. Lock-free,
  /// from any thread; allocates nothing.
  on_error report(backend_id id, outcome how) noexcept {
    if (how == outcome::rejected || how == outcome::cancelled) return on_error::nothing;
    answers* const a = answers_.find(id);
    if (a == nullptr) {
      detail::add_one(dropped_);
    } else if (how == outcome::ok) {
      if (a->errors.load(detail::relaxed) != 0) a->errors.store(0, detail::relaxed);
    } else if (a->errors.fetch_add(1, detail::relaxed) + 1 == options_.errors) {
      a->errors.store(0, detail::relaxed);
      return options_.then;
    }
    return on_error::nothing;
  }

  /// A check passed: the errors are forgotten. Lock-free.
  void passed(backend_id id) noexcept {
    if (answers* const a = answers_.known(id)) a->errors.store(0, detail::relaxed);
  }

  /// How many reports were about no member. Wait-free.
  std::uint64_t dropped() const noexcept { return dropped_.load(detail::relaxed); }
  /// The options. Wait-free.
  error_limit_options const& options() const noexcept { return options_; }

 private:
  struct alignas(detail::cache_line) answers : detail::numbers_of_member {
    std::atomic<std::uint32_t> errors;  // without a good answer in between
    void begin() noexcept { errors.store(0, detail::relaxed); }
  };

  error_limit_options const options_;
  detail::numbers_by_slot<pool<B>, answers> answers_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
