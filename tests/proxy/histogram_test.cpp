// SPDX-License-Identifier: MIT
#include "demo/histogram.hpp"
#include "catch.hpp"

TEST_CASE("A quantile is never below the true one, and at most 1/32 above it") {
  demo::histogram h;
  for (int i = 1; i <= 100'000; ++i) h.add(std::chrono::nanoseconds{i * 1000});
  for (double share : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    auto const exact = share * 100'000 * 1000;
    auto const estimate = static_cast<double>(h.quantile(share).count());
    CHECK(estimate >= exact);
    CHECK(estimate <= exact * (1 + 1.0 / 32) + 1);
  }
  CHECK(h.count() == 100'000);
  CHECK(demo::histogram{}.quantile(0.5).count() == 0);
}
