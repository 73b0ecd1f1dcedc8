// SPDX-License-Identifier: MIT
// The rules by which active checks decide: what one answer means for a backend, and when it is asked again. Values
// only.
//
// The first answer decides, if nothing else is wanted. After it, `fall` bad answers in a row take a backend down, and
// `rise` good ones bring it up. Envoy 1.40 and HAProxy 2.6 both follow from that; they differ in the intervals, and in
// what counts as bad at once.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/clock.hpp>
#include <equipoise/core/error.hpp>
#include <equipoise/core/health_flag.hpp>

#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What one check says about a backend.
enum class check_answer : std::uint8_t {
  good,
  stopping,   ///< good, but the backend asks for no new work; bad from a backend that is down
  failed,     ///< bad: `fall` of them in a row take a backend down
  unhealthy,  ///< bad, and so clearly that one of them takes a backend down
};

/// How a check ended, and why. `reason` is a text that outlives the scheduler, usually a literal.
struct check_result {
  check_answer answer = check_answer::good;
  char const* reason = "";  ///< for people, as "HTTP status"; null is no text
  std::int32_t code = 0;    ///< a number to it, as 503 or an errno; 0 for none

  friend bool operator==(check_result const&, check_result const&) = default;
};

/// The name of the enumerator; "unknown" for any other value.
constexpr std::string_view to_string(check_answer a) noexcept {
  constexpr std::string_view names[] = {"good", "stopping", "failed", "unhealthy"};
  auto const i = static_cast<std::size_t>(a);
  return i < std::size(names) ? names[i] : "unknown";
}
/// As "failed: HTTP status 503". Allocates.
inline std::string to_string(check_result const& r) {
  std::string text{to_string(r.answer)};
  if (r.reason != nullptr && *r.reason != '\0') (text += ": ") += r.reason;
  if (r.code != 0) text += ' ' + std::to_string(r.code);
  return text;
}

/// What the checks of a backend have shown so far.
enum class check_standing : std::uint8_t {
  starting,  ///< no answer has decided yet
  up,
  stopping,  ///< up, and asks for no new work
  down,
};

/// The name of the enumerator; "unknown" for any other value.
constexpr std::string_view to_string(check_standing s) noexcept {
  constexpr std::string_view names[] = {"starting", "up", "stopping", "down"};
  auto const i = static_cast<std::size_t>(s);
  return i < std::size(names) ? names[i] : "unknown";
}

/// How backends are checked. The check_scheduler's constructor fails if a value is out of range; a duration is at most
/// 365 days. Intervals count from the end of a check to the beginning of the next one.
struct check_options {
  std::chrono::nanoseconds interval = std::chrono::seconds{10};         ///< while up
  std::chrono::nanoseconds falling_interval = std::chrono::seconds{2};  ///< while up, after a bad answer
  std::chrono::nanoseconds down_interval = std::chrono::seconds{5};     ///< while down
  std::chrono::nanoseconds rising_interval = std::chrono::seconds{2};   ///< while down after a good answer, or starting
  std::chrono::nanoseconds timeout = std::chrono::seconds{2};           ///< a check that takes longer has failed
  std::uint32_t rise = 2;                                               ///< 1 or more
  std::uint32_t fall = 3;                                               ///< 1 or more
  /// A backend that joined less than that ago, and has given no good answer yet, is not judged by its bad ones.
  std::chrono::nanoseconds grace{0};
  /// Whether the first answer decides also if it is bad. If not, it takes `fall` bad ones at first, too.
  bool first_bad_decides = true;
  /// The first checks of backends that join together are spread over this time.
  std::chrono::nanoseconds first_within = std::chrono::seconds{10};
  /// Up to that many percent are added to each interval, 0 … 100. With 0 nothing is random, and the first checks are in
  /// the order of the members.
  double jitter = 10;
  health_flag down = health_flag::down;  ///< set against a backend that is down; with `none` the checks only report
  /// Set against a backend that is stopping. With `draining` it keeps its sessions; nothing else may set that then. A
  /// scheduler that ends leaves it, and the next one clears only what it has set: clear it if that matters.
  health_flag stopping = health_flag::down;
  /// A backend with one of these flags is not checked. Afterwards it is as one that has just joined.
  health_flag paused_by = health_flag::maintenance;

  static constexpr std::chrono::nanoseconds longest = std::chrono::hours{24 * 365};  ///< no duration is longer

  /// Fails if a value is out of range, naming it.
  void check() const {
    using std::chrono::nanoseconds;
    for (auto const& [name, value] :
         {named{"interval", interval}, named{"falling_interval", falling_interval},
          named{"down_interval", down_interval}, named{"rising_interval", rising_interval}, named{"timeout", timeout}})
      if (value.count() <= 0 || value > longest)
        refuse(name, std::to_string(value.count()) + " ns", "more than 0, and at most 365 days");
    for (auto const& [name, value] : {named{"grace", grace}, named{"first_within", first_within}})
      if (value.count() < 0 || value > longest)
        refuse(name, std::to_string(value.count()) + " ns", "0 or more, and at most 365 days");
    if (rise == 0) refuse("rise", "0", "1 or more");
    if (fall == 0) refuse("fall", "0", "1 or more");
    if (!(jitter >= 0 && jitter <= 100)) refuse("jitter", std::to_string(jitter), "within 0 … 100");
    for (health_flag const flag : {down, stopping})
      if ((flag & (health_flag::removed | health_flag::zero_weight)) != health_flag::none)
        refuse(flag == down ? "down" : "stopping", to_string(flag), "a flag that can be set");
    if ((paused_by & (down | stopping)) != health_flag::none)
      refuse("paused_by", to_string(paused_by), "without the flags that the checks set: they would never end");
  }

 private:
  struct named {
    char const* name;
    std::chrono::nanoseconds value;
  };
  [[noreturn]] static void refuse(char const* name, std::string const& value, char const* wanted) {
    fail("equipoise: check_options::" + std::string{name} + " " + value + " is not " + wanted);
  }
};

/// One backend as its checks see it.
struct check_state {
  check_standing standing = check_standing::starting;
  std::uint32_t against = 0;   ///< the latest answers in a row that speak against the standing
  std::uint32_t failures = 0;  ///< the latest bad answers in a row

  /// Whether the backend answers, as far as is known. False while starting.
  constexpr bool is_up() const noexcept {
    return standing == check_standing::up || standing == check_standing::stopping;
  }

  /// Takes in an answer of a backend that joined `age` ago.
  constexpr void take(check_answer answer, std::chrono::nanoseconds age, check_options const& o) noexcept {
    bool const is_down = standing == check_standing::down, is_starting = standing == check_standing::starting;
    bool const is_good = answer == check_answer::good || (answer == check_answer::stopping && !is_down);
    failures = is_good ? 0 : failures + (failures != 0xFFFFFFFF);
    if (is_starting && !is_good && age < o.grace) return;
    if (!is_starting && is_good == is_up())
      against = 0;
    else if ((is_starting && (is_good || o.first_bad_decides)) || answer == check_answer::unhealthy ||
             ++against >= (is_good ? o.rise : o.fall))
      standing = is_good ? check_standing::up : check_standing::down, against = 0;
    if (is_good && is_up()) standing = answer == check_answer::good ? check_standing::up : check_standing::stopping;
  }

  /// How long after that answer the next check begins, without jitter.
  constexpr std::chrono::nanoseconds interval(check_options const& o) const noexcept {
    if (is_up()) return against == 0 ? o.interval : o.falling_interval;
    return standing == check_standing::down && against == 0 ? o.down_interval : o.rising_interval;
  }
};

/// A check to be made. False if there is none.
struct check_probe {
  backend_id id;             ///< the backend to be asked
  std::uint32_t number = 0;  ///< tells the checks of one backend apart
  time_point deadline{};     ///< the check has failed if there is no answer until then

  constexpr explicit operator bool() const noexcept { return static_cast<bool>(id); }
};

/// What the checks of one backend have shown. A program that replaces machines asks how long `standing` has been
/// `down`.
struct check_report : check_state {
  time_point since;   ///< when `standing` became what it is; the join, if it is `starting`
  check_result last;  ///< the latest answer; good without a reason before the first one
};

/// What the scheduler did since it was made.
struct check_counts {
  std::uint64_t started = 0;    ///< probes that next() returned
  std::uint64_t good = 0;       ///< of these, ended with `good` or `stopping`
  std::uint64_t bad = 0;        ///< of these, ended with `failed` or `unhealthy`
  std::uint64_t timed_out = 0;  ///< of these, without an answer until the deadline
  std::uint64_t postponed = 0;  ///< of these, ended without saying anything about the backend
  std::uint64_t dropped = 0;    ///< calls of finish(), time_out() and postpone() for no running probe
};

/// Envoy's rules: `rise` is healthy_threshold, `fall` unhealthy_threshold, and the four intervals are interval,
/// unhealthy_edge_interval, unhealthy_interval and healthy_edge_interval. Its first checks come at once, and in a pool
/// with pool_options::joins_with = down a backend waits for its first good one. A status that Envoy does not retry is
/// `unhealthy`. Not included: its longer intervals for a cluster without traffic. Source:
/// extensions/health_checkers/common/health_checker_base_impl.cc of Envoy 1.40.
inline check_options envoy_check_options(std::chrono::nanoseconds interval, std::chrono::nanoseconds timeout,
                                         std::uint32_t rise, std::uint32_t fall) {
  check_options o;
  o.interval = o.falling_interval = o.down_interval = o.rising_interval = interval;
  o.timeout = timeout;
  o.rise = rise;
  o.fall = fall;
  o.first_within = std::chrono::nanoseconds{0};
  o.jitter = 0;
  return o;
}

/// HAProxy's rules: inter, fastinter and downinter; a backend serves from its join on. Its first checks are spread in
/// the order of the members. Not included: spread-checks, which also shortens intervals. Source: check.c of
/// HAProxy 2.6.
inline check_options haproxy_check_options(std::chrono::nanoseconds inter, std::chrono::nanoseconds fastinter,
                                           std::chrono::nanoseconds downinter, std::uint32_t rise = 2,
                                           std::uint32_t fall = 3) {
  check_options o = envoy_check_options(inter, inter, rise, fall);
  o.falling_interval = o.rising_interval = fastinter;
  o.down_interval = downinter;
  o.first_within = fall == 1 ? inter : fastinter;
  return o;
}
/// The same with one interval; 2 s is HAProxy's preset.
inline check_options haproxy_check_options(std::chrono::nanoseconds inter = std::chrono::seconds{2}) {
  return haproxy_check_options(inter, inter, inter);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
