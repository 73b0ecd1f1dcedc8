// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/clock.hpp>

namespace clock_test {
using namespace equipoise;

TEST_CASE("clock: the steady clock converts, and a default time point is the epoch") {
  time_point const now = std::chrono::steady_clock::now();
  CHECK(now != time_point{});
  CHECK(time_point{}.time_since_epoch().count() == 0);
}

TEST_CASE("clock: elapsed is the difference, and it wraps around at the ends") {
  using std::chrono::nanoseconds;
  CHECK(detail::elapsed(time_point{nanoseconds{-5}}, time_point{nanoseconds{7}}) == nanoseconds{12});
  CHECK(detail::elapsed(time_point{nanoseconds{7}}, time_point{nanoseconds{-5}}) == nanoseconds{-12});
  CHECK(detail::elapsed(time_point::max(), time_point::min()) == nanoseconds{1});
  CHECK(detail::elapsed(time_point::min(), time_point::max()) == nanoseconds{-1});
}

}  // namespace clock_test
