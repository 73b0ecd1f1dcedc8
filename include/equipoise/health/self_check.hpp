// SPDX-License-Identifier: MIT
// A check by which a server judges itself, and what its results say: the rules of health_report for one check. Values
// only; the application runs the check.
//
//   equipoise::self_check database{.name = "database", .timeout = 1s, .run_every = 5s, .max_age = 15s, .fall = 2};
//
// The first result decides. Later `fall` failures in a row make the check fail, and `rise` passes in a row make it pass
// again. A result older than max_age says nothing any more: the check is then unknown, and the next result decides.
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/error.hpp>

#include <string_view>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How a check went, or how a server is. A server is never unknown.
enum class health_status : std::uint8_t {
  pass,
  warn,  ///< degraded, but it works
  fail,
  unknown,  ///< there is no result, or only an old one
};

/// The name of the enumerator; "unknown" for any other value.
constexpr std::string_view to_string(health_status s) noexcept {
  constexpr std::string_view names[] = {"pass", "warn", "fail", "unknown"};
  auto const i = static_cast<std::size_t>(s);
  return i < std::size(names) ? names[i] : "unknown";
}

/// A check that the application runs, and what its results mean for the server.
struct self_check {
  std::string name;  ///< unique in a report
  /// A run without a result after that time counts as a failure.
  std::chrono::nanoseconds timeout = std::chrono::seconds{1};
  /// From the start of one run to the start of the next. 0: the check is never due, and the application reports results
  /// without a run.
  std::chrono::nanoseconds run_every = std::chrono::seconds{10};
  /// At least run_every + timeout, so that a check that runs is never unknown between two runs.
  std::chrono::nanoseconds max_age = std::chrono::seconds{30};
  std::chrono::nanoseconds degraded_after{0};  ///< a pass that took so long is a `warn`; 0: none is
  std::uint32_t fall = 1;                      ///< failures in a row that make it fail
  std::uint32_t rise = 1;                      ///< passes in a row that make it pass again
  bool critical = true;                        ///< the server gets no work while it fails; otherwise it only warns
  /// Every server depends on the same thing, so its failure warns only. If all servers left, nothing would be gained.
  bool shared_dependency = false;
  /// It counts for liveness too. Only for what a restart repairs, such as a deadlock; never for another server.
  bool liveness = false;

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (name.empty()) fail("equipoise: self_check::name is empty");
    at_least("timeout", timeout, 1);
    at_least("run_every", run_every, 0);
    at_least("max_age", max_age, 1);
    at_least("degraded_after", degraded_after, 0);
    if (run_every.count() != 0 && max_age - timeout < run_every)
      refuse("max_age", max_age.count(), " ns is less than run_every + timeout");
    if (degraded_after >= timeout) refuse("degraded_after", degraded_after.count(), " ns is not less than timeout");
    if (fall == 0) refuse("fall", 0, " is not 1 or more");
    if (rise == 0) refuse("rise", 0, " is not 1 or more");
    if (liveness && shared_dependency)
      fail("equipoise: self_check \"" + name + "\" is a shared_dependency, so it cannot count for liveness");
  }

 private:
  [[noreturn]] void refuse(char const* field, std::int64_t value, char const* problem) const {
    fail("equipoise: self_check::" + std::string{field} + " of \"" + name + "\": " + std::to_string(value) + problem);
  }
  void at_least(char const* field, std::chrono::nanoseconds value, std::int64_t least) const {
    if (value.count() < least)
      refuse(field, value.count(), least != 0 ? " ns is not more than 0" : " ns is not 0 or more");
  }
};

/// Numbers of one check's results since the report was made.
struct self_check_counts {
  std::uint64_t passed = 0;    ///< of these results, with those that were degraded
  std::uint64_t degraded = 0;  ///< of the passed ones
  std::uint64_t failed = 0;    ///< with the time-outs
  std::uint64_t timeouts = 0;  ///< of the failed ones
  std::uint64_t late = 0;      ///< results of runs that were over, so they changed nothing
};

namespace detail {

// What is known about one check. A run that timed out becomes a failure with the time at which it timed out, whenever
// end_overdue() is called after that. So an answer depends on the results and on the time, and not on who asked before.
struct self_check_state {
  bool has_result = false, is_failing = false, is_degraded = false;
  bool is_running = false, has_run = false;
  std::uint32_t against = 0;         // results in a row that say otherwise than is_failing
  std::uint64_t run = 0;             // the number of the latest run
  time_point started{};              // when it began
  time_point at{};                   // the time of the latest result
  std::chrono::nanoseconds took{0};  // what the latest run with a result took
  self_check_counts counts{};
  std::string output;  // of the latest result

  static constexpr std::size_t longest_output = 1000;  // bytes

  bool is_old(self_check const& c, time_point now) const noexcept { return now > later(at, c.max_age); }

  health_status status(self_check const& c, time_point now) const noexcept {
    if (!has_result || is_old(c, now)) return health_status::unknown;
    return is_failing ? health_status::fail : is_degraded ? health_status::warn : health_status::pass;
  }

  // When the next run may begin: at once, unless there was one. A run that times out may be followed by another.
  time_point due(self_check const& c) const noexcept {
    if (c.run_every.count() == 0) return time_point::max();
    if (!has_run) return time_point::min();
    return later(started, is_running && c.timeout > c.run_every ? c.timeout : c.run_every);
  }

  void start(time_point now) noexcept {
    is_running = has_run = true;
    started = now;
    ++run;
  }

  void end_overdue(self_check const& c, time_point now) noexcept {
    time_point const deadline = later(started, c.timeout);
    if (!is_running || now < deadline) return;
    is_running = false;
    took = c.timeout;
    ++counts.timeouts;
    take(c, health_status::fail, deadline, "timed out");  // short enough to need no memory
  }

  void take(self_check const& c, health_status result, time_point now, std::string text) noexcept {
    bool const is_bad = result != health_status::pass && result != health_status::warn;
    bool const is_fresh = has_result && !is_old(c, now);
    against = is_fresh && is_bad != is_failing ? against + 1 : 0;
    if (!is_fresh || against >= (is_bad ? c.fall : c.rise)) {
      is_failing = is_bad;
      against = 0;
    }
    if (!is_bad) is_degraded = result == health_status::warn;
    at = has_result && at > now ? at : now;  // two threads may report in another order than they read the clock
    has_result = true;
    ++(is_bad ? counts.failed : counts.passed);
    counts.degraded += result == health_status::warn;
    if (text.size() > longest_output) text.resize(longest_output);
    output = std::move(text);
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
