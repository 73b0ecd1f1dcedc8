// SPDX-License-Identifier: MIT
// What an explanation says about the time of backends that are out.
//
//   auto why = picker.explain({.now = now});
//   equipoise::add_time_left(why, detection, now);      // b was refused: ejected (seconds_left 12)
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/pick/explanation.hpp>

#include <chrono>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Adds the number "seconds_left" to the rows of the backends that a detector keeps out, rounded up to milliseconds.
/// The detector is an outlier_detection, failure_window, failure_accrual or flap_damping. Blocks as its time_left();
/// allocates; O(rows).
template <class Detector>
void add_time_left(explanation& e, Detector& detector, time_point now) {
  for (explanation::row& r : e.rows) {
    std::chrono::nanoseconds const left = detector.time_left(r.id, now);
    if (left.count() <= 0) continue;
    auto const ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    r.numbers.push_back({"seconds_left", static_cast<double>(ms) / 1000});
  }
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
