// SPDX-License-Identifier: MIT
// How long to wait before something that failed is tried again: longer each time, and not all at the same moment.
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/error.hpp>
#include <equipoise/core/random_source.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The bounds of a back_off.
struct back_off_options {
  std::chrono::nanoseconds first = std::chrono::seconds{1};  ///< the longest first wait
  std::chrono::nanoseconds most = std::chrono::seconds{60};  ///< the longest wait

  /// Fails if a value is out of range, naming it.
  void check() const {
    auto const refuse = [](char const* name, std::chrono::nanoseconds value, char const* wanted) {
      fail("equipoise: back_off_options::" + std::string{name} + " " + std::to_string(value.count()) + " ns is " +
           wanted);
    };
    if (first.count() <= 0) refuse("first", first, "not more than 0");
    if (most < first) refuse("most", most, "less than first");
  }
};

/// Waits that double from failure to failure. Each is drawn between its half and its whole, so that the many that lost
/// one server do not all come back together.
class back_off {
 public:
  /// Fails if an option is out of range.
  explicit back_off(back_off_options const& o = {}, std::uint64_t seed = 1) : options_{o}, random_{seed} { o.check(); }

  /// The wait after one more failure: first/2 … most. O(1).
  std::chrono::nanoseconds next() noexcept {
    auto const longest = wait_.count() == 0 ? options_.first : wait_;
    wait_ = longest > options_.most / 2 ? options_.most : longest * 2;
    auto const half = longest.count() / 2;
    return std::chrono::nanoseconds{
        longest.count() - half +
        static_cast<std::int64_t>(multiply_high(random_.next(), static_cast<std::uint64_t>(half) + 1))};
  }
  /// It succeeded. O(1).
  void reset() noexcept { wait_ = {}; }

 private:
  back_off_options options_;
  random_source random_;
  std::chrono::nanoseconds wait_{0};  // the longest next one; 0: the first
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
