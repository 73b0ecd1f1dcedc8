// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/metrics/latency_histogram.hpp>

namespace latency_histogram_test {
using namespace equipoise;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST_CASE("latency_histogram: a quantile is within a sixteenth of the exact one") {
  rng d{1};
  for (int const n : {1, 2, 10, 655, 5'000, 100'000}) {
    latency_histogram h;
    std::vector<std::int64_t> all;
    std::int64_t sum = 0;
    for (int i = 0; i != n; ++i) {
      auto const ns = std::int64_t{1'100} << random_below(d, 28);  // 1.1 µs … 295 s
      all.push_back(ns + random_below(d, static_cast<std::uint32_t>(ns / 2 + 1)));
      h.record(nanoseconds{all.back()});
      sum += all.back();
    }
    std::sort(all.begin(), all.end());
    CHECK(h.count() == static_cast<std::uint64_t>(n));
    CHECK(h.sum().count() == sum);
    for (double const q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      auto const rank = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(q * n)), 1);
      auto const exact = static_cast<double>(all[static_cast<std::size_t>(rank - 1)]);
      CAPTURE(n, q, exact, h.quantile(q).count());
      CHECK(std::abs(static_cast<double>(h.quantile(q).count()) - exact) <= exact / 16 + 1);
    }
  }
}

TEST_CASE("latency_histogram: counts below a power of two are exact") {
  latency_histogram h;
  for (int power = 11; power != 40; ++power) {
    h.record(nanoseconds{(std::int64_t{1} << power) - 1});
    h.record(nanoseconds{std::int64_t{1} << power});
  }
  for (int power = 11; power != 40; ++power)
    CHECK(h.count_below(power) == static_cast<std::uint64_t>(2 * (power - 11) + 1));
  CHECK(h.count_below(40) == h.count());
}

TEST_CASE("latency_histogram: values outside its range are kept in the outer buckets") {
  latency_histogram h;
  CHECK(h.quantile(0.5) == 0ns);
  for (auto const t : {nanoseconds::min(), -1ns, 0ns, 1ns}) h.record(t);
  CHECK(h.count() == 4);
  CHECK(h.sum() == 1ns);
  CHECK(h.quantile(1) < 1200ns);
  h.record(nanoseconds::max());
  CHECK(h.count() == 5);
  CHECK(h.quantile(1) > 15min);
  CHECK(h.quantile(NAN) < 1200ns);
  CHECK(h.quantile(-1) < 1200ns);
  CHECK(h.quantile(2) == h.quantile(1));
  h.reset();
  CHECK(h.count() == 0);
}

}  // namespace latency_histogram_test
