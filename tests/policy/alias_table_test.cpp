// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/detail/alias_table.hpp>

namespace alias_table_test {
using namespace equipoise;

namespace {
detail::alias_table table_of(std::vector<std::uint32_t> const& weights) {
  std::vector<member> all(weights.size());
  for (std::size_t i = 0; i != all.size(); ++i) all[i].weight = weights[i];
  return detail::alias_table{members_view{all, all.size(), all}};
}

// The share of each member, from evenly spaced draws in each column.
std::vector<double> shares_of(detail::alias_table const& table, std::size_t n) {
  constexpr std::uint64_t steps = 1 << 12;
  std::vector<double> share(n);
  for (std::uint64_t column = 0; column != n; ++column)
    for (std::uint64_t step = 0; step != steps; ++step) {
      std::uint64_t const high = ((column << 32) + n - 1) / n, low = (step << 20) + (1 << 19);
      share.at(table(high << 32 | low)) += 1.0 / static_cast<double>(steps * n);
    }
  return share;
}
}  // namespace

TEST_CASE("alias_table: the draws give each member its weight's share, for any weights") {
  rng d{43};
  for (int run = 0; run != 50; ++run) {
    std::size_t const n = 1 + random_below(d, 40);
    auto const weights = random_weights(d, n, run % 2 == 0 ? 5 : 0xFFFFFFFF - 1);
    double total = 0;
    for (auto w : weights) total += w;
    auto const share = shares_of(table_of(weights), n);
    for (std::size_t i = 0; i != n; ++i) CHECK(share[i] == Approx(weights[i] / total).margin(1.0 / 4096));
  }
}

TEST_CASE("alias_table: equal weights and no members need no columns") {
  CHECK(table_of({}).uniform());
  CHECK(table_of({9}).uniform());
  CHECK(table_of({7, 7, 7}).uniform());
  CHECK(!table_of({7, 7, 8}).uniform());
  for (double s : shares_of(table_of({7, 7, 7}), 3)) CHECK(s == Approx(1 / 3.0));
}

TEST_CASE("alias_table: the first and the last draw stay within the table") {
  auto const table = table_of({1, 0xFFFFFFFF, 3});
  CHECK(table(0) < 3);
  CHECK(table(0xFFFFFFFFFFFFFFFF) < 3);
}

}  // namespace alias_table_test
