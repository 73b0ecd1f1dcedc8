// SPDX-License-Identifier: MIT
// The rules by which outlier_detection ejects: what it looks at, and how Envoy and gRPC decide. Values only.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/clock.hpp>
#include <equipoise/core/error.hpp>

#include <cmath>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A comparison of the success rates of all backends. A backend is ejected if its rate is less than mean − deviations ×
/// (standard deviation of the rates).
struct success_rate_test {
  double enforced = 100;               ///< in how many of a hundred cases the backend is ejected; with 0 it only counts
  std::uint32_t least_backends = 5;    ///< fewer with enough requests are not compared
  std::uint32_t least_requests = 100;  ///< in one interval, for a backend to be compared
  double deviations = 1.9;
};

/// A test of each backend's own failures.
struct failure_test {
  double enforced = 0;
  std::uint32_t least_backends = 5;
  std::uint32_t least_requests = 50;
  double percent = 85;  ///< of the requests of an interval
};

/// A test of failures without a success in between. It ejects at once.
struct consecutive_test {
  std::uint32_t failures = 5;  ///< 0: the test is off
  double enforced = 100;
};

/// Why a backend was to be ejected.
enum class outlier_test : std::uint8_t { errors, gateway_errors, local_errors, success_rate, failures };

/// An ejection, as the observer of outlier_detection receives it.
struct ejection {
  backend_id id;
  outlier_test test = outlier_test::errors;  ///< the test that found it bad
  std::uint32_t failures = 0;                ///< in a row; 0 if the rates of an interval were compared
  std::chrono::nanoseconds length{0};        ///< how long it stays out
};

/// As "ejected: 5 failures in a row, back in 30 s". Allocates.
inline std::string to_string(ejection const& e) {
  constexpr std::string_view rows[] = {" failures in a row", " gateway failures in a row", " local failures in a row"};
  std::string text = "ejected: ";
  if (auto const test = static_cast<std::size_t>(e.test); test < std::size(rows))
    (text += std::to_string(e.failures)) += rows[test];
  else
    text += e.test == outlier_test::success_rate ? "a success rate far below the mean" : "too many failures";
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(e.length).count();
  return text + ", back in " + (ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms");
}

/// What outlier_detection looks at, and how long a backend stays out. The presets are Envoy's.
struct outlier_options {
  std::chrono::nanoseconds interval = std::chrono::seconds{10};   ///< between two calls of end_interval()
  std::chrono::nanoseconds base_time = std::chrono::seconds{30};  ///< the first ejection lasts that long
  std::chrono::nanoseconds most_time =
      std::chrono::seconds{300};       ///< a repeated one lasts no longer, nor than base_time
  std::chrono::nanoseconds jitter{0};  ///< up to that much is added, so that not all come back together
  double most_ejected = 10;            ///< percent of the backends that may be out at once
  bool always_one = false;             ///< one may be out whatever that percentage says
  bool split_local = false;  ///< local errors count for themselves, and not as gateway errors and for the rates

  consecutive_test errors{};              ///< `error`, `gateway_error`, and `local_error` if they are not split
  consecutive_test gateway_errors{5, 0};  ///< `gateway_error`, and `local_error` if they are not split
  consecutive_test local_errors{};        ///< `local_error` if they are split
  success_rate_test success_rate{};
  failure_test failures{};

  /// Asked before each ejection, on the thread of the report that demands it, for what is not a percentage: the last
  /// healthy backend of a service, for instance. False keeps the backend in, as if too many were out.
  bool (*may_eject)(void* context, backend_id) noexcept = nullptr;
  /// Told of each ejection, on that thread and after the ejection counts. Neither function may call end_interval() or
  /// bring_back(): it may run within them.
  void (*observer)(void* context, ejection const&) noexcept = nullptr;
  void* context = nullptr;  ///< the first argument of both

  /// Fails if a value is out of range, naming it.
  void check() const {
    using std::chrono::nanoseconds;
    in_range("interval", interval, nanoseconds{1});
    in_range("base_time", base_time, nanoseconds{1});
    in_range("most_time", most_time, nanoseconds{0});
    in_range("jitter", jitter, nanoseconds{0});
    percentage("most_ejected", most_ejected);
    percentage("errors.enforced", errors.enforced);
    percentage("gateway_errors.enforced", gateway_errors.enforced);
    percentage("local_errors.enforced", local_errors.enforced);
    percentage("success_rate.enforced", success_rate.enforced);
    percentage("failures.enforced", failures.enforced);
    percentage("failures.percent", failures.percent);
    if (!(success_rate.deviations >= 0))
      refuse("success_rate.deviations", std::to_string(success_rate.deviations), "a number of 0 or more");
  }

 private:
  [[noreturn]] static void refuse(char const* name, std::string const& value, char const* wanted) {
    fail("equipoise: outlier_options::" + std::string{name} + " " + value + " is not " + wanted);
  }
  static void percentage(char const* name, double value) {
    if (!(value >= 0 && value <= 100)) refuse(name, std::to_string(value), "within 0 … 100");
  }
  static void in_range(char const* name, std::chrono::nanoseconds value, std::chrono::nanoseconds least) {
    if (value < least || value > std::chrono::hours{24 * 365})
      refuse(name, std::to_string(value.count()) + " ns",
             least.count() != 0 ? "more than 0, and at most 365 days" : "0 or more, and at most 365 days");
  }
};

/// Envoy's rules (1.40).
struct envoy_outlier_rules {
  static constexpr bool returns_first = true;  ///< backends come back before the numbers of the interval are compared
  static constexpr bool skips_ejected = true;  ///< those that are out are not compared

  /// Whether one more may be out.
  static bool may_eject(std::size_t ejected, std::size_t backends, outlier_options const& o) noexcept {
    double const most = o.most_ejected < 100 ? o.most_ejected : 100;
    return 100.0 * static_cast<double>(ejected + 1) / static_cast<double>(backends) <= most ||
           (o.always_one && ejected == 0);
  }
  /// The rate of one backend, in the unit in which rates are compared.
  static double rate(std::uint64_t good, std::uint64_t all) noexcept {
    return static_cast<double>(good) * 100.0 / static_cast<double>(all);
  }
  static bool fails_too_often(std::uint64_t good, std::uint64_t all, double percent) noexcept {
    return 100.0 - rate(good, all) >= percent;
  }
  static double least_rate(double mean, double deviation, double deviations) noexcept {
    return mean - deviations * deviation;
  }
  /// The number that an ejection's length grows with, after one more ejection.
  static std::uint32_t grown(std::uint32_t times, outlier_options const& o) noexcept {
    return times * o.base_time < most_time(o) + o.base_time ? times + 1 : times;
  }
  static std::chrono::nanoseconds most_time(outlier_options const& o) noexcept {
    return o.most_time < o.base_time ? o.base_time : o.most_time;
  }
  static bool is_over(std::chrono::nanoseconds out, std::chrono::nanoseconds length) noexcept { return length <= out; }
  /// Whether that number falls in this interval, for a backend that came back so long ago.
  static bool falls(std::chrono::nanoseconds back, outlier_options const& o) noexcept { return o.interval <= back; }
};

/// gRPC's rules (A50, grpc-go 1.85).
struct grpc_outlier_rules {
  static constexpr bool returns_first = false;
  static constexpr bool skips_ejected = false;

  static bool may_eject(std::size_t ejected, std::size_t backends, outlier_options const& o) noexcept {
    return static_cast<double>(ejected) / static_cast<double>(backends) * 100 < o.most_ejected;
  }
  static double rate(std::uint64_t good, std::uint64_t all) noexcept {
    return static_cast<double>(good) / static_cast<double>(all);
  }
  static bool fails_too_often(std::uint64_t good, std::uint64_t all, double percent) noexcept {
    return static_cast<double>(all - good) / static_cast<double>(all) * 100 > percent;
  }
  static double least_rate(double mean, double deviation, double deviations) noexcept {
    return mean - deviation * deviations;
  }
  static std::uint32_t grown(std::uint32_t times, outlier_options const&) noexcept { return times + 1; }
  static std::chrono::nanoseconds most_time(outlier_options const& o) noexcept {
    return envoy_outlier_rules::most_time(o);
  }
  static bool is_over(std::chrono::nanoseconds out, std::chrono::nanoseconds length) noexcept { return length < out; }
  static bool falls(std::chrono::nanoseconds, outlier_options const&) noexcept { return true; }

  /// A50's presets: no test of consecutive failures, and no test that the configuration does not name.
  static outlier_options presets() {
    outlier_options o;
    o.errors.failures = o.gateway_errors.failures = o.local_errors.failures = 0;
    o.success_rate.enforced = 0;
    return o;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
