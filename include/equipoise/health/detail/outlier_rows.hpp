// SPDX-License-Identifier: MIT
// The tests of outlier_detection that compare the numbers of an interval.
#pragma once

#include <equipoise/health/outlier_rules.hpp>

#include <cmath>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// One member's numbers of an interval.
template <class Host>
struct outlier_row {
  Host* h;
  backend_id id;
  std::uint64_t good, all;
};

// Calls found(row) for each member whose success rate is too far below the mean.
template <class Rules, class Row, class Found>
void find_low_rates(std::vector<Row> const& rows, success_rate_test const& test, Found found) {
  double sum = 0, squares = 0;
  std::size_t n = 0;
  for (Row const& r : rows)
    if (r.all >= test.least_requests) sum += Rules::rate(r.good, r.all), ++n;
  if (n == 0 || n < test.least_backends) return;
  double const mean = sum / static_cast<double>(n);
  for (Row const& r : rows)
    if (r.all >= test.least_requests) {
      double const difference = Rules::rate(r.good, r.all) - mean;
      squares += difference * difference;
    }
  double const least = Rules::least_rate(mean, std::sqrt(squares / static_cast<double>(n)), test.deviations);
  for (Row const& r : rows)
    if (r.all >= test.least_requests && Rules::rate(r.good, r.all) < least) found(r);
}

// Calls found(row) for each member of which too large a share failed.
template <class Rules, class Row, class Found>
void find_failing(std::vector<Row> const& rows, failure_test const& test, Found found) {
  std::size_t n = 0;
  for (Row const& r : rows) n += r.all >= test.least_requests;
  if (n == 0 || n < test.least_backends) return;
  for (Row const& r : rows)
    if (r.all >= test.least_requests && Rules::fails_too_often(r.good, r.all, test.percent)) found(r);
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
