// SPDX-License-Identifier: MIT
// The health page of a server: what its checks of its database, its cache and its disk say, as one answer.
//
//   equipoise::health_report report{{{.name = "database"}, {.name = "redis"}, {.name = "diskSpace"}}, now};
//   while (auto run = report.start_next(now)) …              // a timer, at next_due(): the application runs this check
//   report.finish(*run, equipoise::health_status::pass, now);  // and says how it went, from any thread
//   report.set_phase(equipoise::health_phase::serving);
//   auto answer = report.readiness(now);                     // for each request: answer.http_status() is 200 or 503
//
// The report runs no check. It says which one is due, is told the results, and answers from what it knows. So a reader
// never waits for a check, and many readers cause no check. Time comes from the caller and is monotonic; if it goes
// backwards, no check is due and no result is old before its time.
//
// Readiness says whether the server shall get work. Liveness says whether it must be restarted; it depends on no other
// server, because restarts repair no database. equipoise/with/health_page.hpp writes both as JSON.
#pragma once

#include <equipoise/core/platform.hpp>
#include <equipoise/health/self_check.hpp>

#include <optional>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Where a server is in its life.
enum class health_phase : std::uint8_t {
  starting,  ///< it is not ready yet
  serving,
  draining,  ///< it finishes its work and shall get no more
};

/// The name of the enumerator; "unknown" for any other value.
constexpr std::string_view to_string(health_phase p) noexcept {
  constexpr std::string_view names[] = {"starting", "serving", "draining"};
  auto const i = static_cast<std::size_t>(p);
  return i < std::size(names) ? names[i] : "unknown";
}

/// A run of a check that the application shall carry out now.
struct health_run {
  std::size_t check;      ///< its index in the list of checks
  std::string_view name;  ///< as long as the report lives
  time_point deadline;    ///< from then on the run counts as a failure
  std::uint64_t number;   ///< tells the runs of a check apart
};

/// What an answer says about one check.
struct self_check_answer {
  std::string name;
  health_status status = health_status::unknown;
  bool critical = true;
  bool shared_dependency = false;
  std::optional<std::chrono::nanoseconds> age;  ///< of the latest result; none if there was none
  std::chrono::nanoseconds took{0};             ///< what the latest run with a result took
  std::uint32_t against = 0;                    ///< results in a row that say otherwise than `status`
  self_check_counts counts;
  std::string output;  ///< what the application said with the latest result; not for the public

  /// Whether it passes, if only degraded.
  bool is_passing() const noexcept { return status == health_status::pass || status == health_status::warn; }
};

/// What a report answers.
struct health_answer {
  health_status status = health_status::fail;  ///< pass, warn or fail
  health_phase phase = health_phase::starting;
  std::chrono::nanoseconds uptime{0};
  std::vector<self_check_answer> checks;  ///< in the order in which they were given

  /// 503 if the server shall get no work, or must be restarted; otherwise 200.
  unsigned http_status() const noexcept { return status == health_status::fail ? 503 : 200; }
};

/// Combines checks into one answer. See the top of the header. Every function may be called from any thread. Each takes
/// a mutex for the time of a copy, and never while a check runs.
class health_report {
 public:
  /// Fails if an option of a check is out of range, or if two have the same name. The phase is `starting`.
  health_report(std::vector<self_check> checks, time_point started)
      : checks_{std::move(checks)}, states_(checks_.size()), started_{started} {
    for (std::size_t i = 0; i != checks_.size(); ++i) {
      checks_[i].check();
      if (find(checks_[i].name) != i) fail("equipoise: self_check::name \"" + checks_[i].name + "\" is there twice");
    }
  }
  health_report(health_report const&) = delete;
  health_report& operator=(health_report const&) = delete;

  /// Starts the check that has been due for the longest time, the first one if several have. None if no check is due.
  /// A check has one run at a time; a run that timed out is over, so the application must give it up at its deadline.
  /// O(checks).
  std::optional<health_run> start_next(time_point now) {
    std::lock_guard const lock{mutex_};
    std::size_t best = checks_.size();
    time_point earliest = time_point::max();
    for (std::size_t i = 0; i != checks_.size(); ++i)
      if (time_point const due = states_[i].due(checks_[i]); due <= now && due < earliest) best = i, earliest = due;
    if (best == checks_.size()) return {};
    auto& state = states_[best];
    state.end_overdue(checks_[best], now);
    state.start(now);
    return health_run{best, checks_[best].name, detail::later(now, checks_[best].timeout), state.run};
  }

  /// When start_next() has the next check: `now` if one is due, the largest time if none ever will be. It may be
  /// earlier after finish(). O(checks).
  time_point next_due(time_point now) const {
    std::lock_guard const lock{mutex_};
    time_point earliest = time_point::max();
    for (std::size_t i = 0; i != checks_.size(); ++i)
      if (time_point const due = states_[i].due(checks_[i]); due < earliest) earliest = due;
    return earliest < now ? now : earliest;
  }

  /// Says how a run went. `unknown` means that it could not be carried out, and says nothing; a value that is no
  /// health_status is a failure. A pass that took `degraded_after` or longer becomes a `warn`. Of `output`, for
  /// instance an error message, 1000 bytes are kept. False, and nothing changes but counts.late, if the run is over: it
  /// had a result, or its deadline has passed. O(1).
  bool finish(health_run const& run, health_status result, time_point now, std::string output = {}) {
    if (run.check >= checks_.size()) return false;
    auto const& check = checks_[run.check];
    std::lock_guard const lock{mutex_};
    auto& state = states_[run.check];
    state.end_overdue(check, now);
    if (!state.is_running || state.run != run.number) {
      ++state.counts.late;
      return false;
    }
    state.is_running = false;
    if (result == health_status::unknown) return true;
    auto const took = detail::elapsed(state.started, now);
    state.took = took.count() > 0 ? took : std::chrono::nanoseconds{0};
    bool const is_slow = check.degraded_after.count() != 0 && state.took >= check.degraded_after;
    if (result == health_status::pass && is_slow) result = health_status::warn;
    state.take(check, result, now, std::move(output));
    return true;
  }

  /// Reports a result that belongs to no run, for instance of a connection that has just broken. Otherwise as finish().
  /// False if there is no check with that name. O(checks).
  bool report(std::string_view name, health_status result, time_point now, std::string output = {}) {
    std::size_t const i = find(name);
    if (i == checks_.size()) return false;
    std::lock_guard const lock{mutex_};
    states_[i].end_overdue(checks_[i], now);
    if (result != health_status::unknown) states_[i].take(checks_[i], result, now, std::move(output));
    return true;
  }

  /// Says where the server is in its life. It is ready only while it serves. Any change is allowed. O(1).
  void set_phase(health_phase p) {
    std::lock_guard const lock{mutex_};
    phase_ = p;
  }

  /// Whether the server shall get work. It fails unless the phase is `serving`, and if a critical check fails or is
  /// unknown. A shared dependency that had a result warns only. Checks that are not critical warn. O(checks).
  health_answer readiness(time_point now) const {
    auto answer = answer_from(now, false);
    if (answer.phase != health_phase::serving) answer.status = health_status::fail;
    return answer;
  }

  /// Whether the server lives. Only the checks with `liveness` count, and they are the only ones in the answer: it
  /// fails if one of them fails, or if its last result is too old. One without a result yet passes, so that a slow
  /// start is not interrupted. The phase has no effect. O(checks).
  health_answer liveness(time_point now) const { return answer_from(now, true); }

  /// The checks, in order. Wait-free.
  std::vector<self_check> const& checks() const noexcept { return checks_; }

 private:
  std::size_t find(std::string_view name) const noexcept {
    std::size_t i = 0;
    while (i != checks_.size() && checks_[i].name != name) ++i;
    return i;
  }

  // What a check means for the server.
  static health_status effect(self_check const& c, health_status status, bool has_result) noexcept {
    if (status == health_status::pass || status == health_status::warn) return status;
    return c.critical && !(c.shared_dependency && has_result) ? health_status::fail : health_status::warn;
  }
  static health_status liveness_effect(health_status status, bool has_result) noexcept {
    if (status == health_status::pass || status == health_status::warn) return status;
    return has_result ? health_status::fail : health_status::pass;
  }

  health_answer answer_from(time_point now, bool for_liveness) const {
    health_answer answer;
    auto const uptime = detail::elapsed(started_, now);
    if (uptime.count() > 0) answer.uptime = uptime;
    answer.status = health_status::pass;
    answer.checks.reserve(checks_.size());
    std::lock_guard const lock{mutex_};
    answer.phase = phase_;
    for (std::size_t i = 0; i != checks_.size(); ++i) {
      auto const& check = checks_[i];
      if (for_liveness && !check.liveness) continue;
      auto state = states_[i];
      state.end_overdue(check, now);
      auto const status = state.status(check, now);
      auto const means =
          for_liveness ? liveness_effect(status, state.has_result) : effect(check, status, state.has_result);
      if (means > answer.status) answer.status = means;
      self_check_answer a{check.name, status,        check.critical, check.shared_dependency, {},
                          state.took, state.against, state.counts,   std::move(state.output)};
      if (state.has_result) {
        auto const age = detail::elapsed(state.at, now);
        a.age = age.count() > 0 ? age : std::chrono::nanoseconds{0};
      }
      answer.checks.push_back(std::move(a));
    }
    return answer;
  }

  std::vector<self_check> const checks_;
  mutable std::mutex mutex_;
  std::vector<detail::self_check_state> states_;
  health_phase phase_ = health_phase::starting;
  time_point const started_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
