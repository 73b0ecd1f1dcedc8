// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/smooth_weighted_round_robin.hpp>

namespace smooth_weighted_round_robin_test {
using namespace equipoise;

namespace {
// The order that nginx's rule gives, written straight from the rule's description.
std::string nginx_order(std::vector<std::uint32_t> const& weights, std::size_t turns) {
  std::vector<long long> current(weights.size());
  std::string names;
  while (turns-- != 0) {
    long long total = 0;
    std::size_t best = weights.size();
    for (std::size_t i = 0; i != weights.size(); ++i) {
      current[i] += weights[i];
      total += weights[i];
      if (best == weights.size() || current[i] > current[best]) best = i;
    }
    current[best] -= total;
    names += name_of(best);
  }
  return names;
}
}  // namespace

TEST_CASE("smooth weighted: each period gives each backend exactly its weight") {
  rng d{2};
  for (int run = 0; run != 50; ++run) {
    auto const weights = random_weights(d, 1 + random_below(d, 12), 50);
    fleet f{smooth_weighted_round_robin{}, weighted(weights), 99};
    std::size_t period = 0;
    for (auto w : weights) period += w;
    auto const count = f.shares(2 * period);
    for (std::size_t i = 0; i != weights.size(); ++i) CHECK(count[i] == 2 * weights[i]);
  }
}

TEST_CASE("smooth weighted: the order is nginx's, turn for turn, for any weights") {
  rng d{3};
  for (int run = 0; run != 200; ++run) {
    auto weights = random_weights(d, 1 + random_below(d, 26), 1 + random_below(d, 100));
    std::uint32_t const scale = 1 + random_below(d, 1000);  // a common factor changes nothing
    auto scaled = weights;
    for (auto& w : scaled) w *= scale;
    fleet f{smooth_weighted_round_robin{}, weighted(scaled)};
    CHECK(f.next(500) == nginx_order(weights, 500));
  }
}

TEST_CASE("smooth weighted: 3, 2, 1 give A B A C B A and 5, 1, 1 give A A B A C A A") {
  fleet f{smooth_weighted_round_robin{}, weighted({3, 2, 1})};
  CHECK(f.next(12) == "ABACBAABACBA");
  fleet g{smooth_weighted_round_robin{}, weighted({5, 1, 1})};
  CHECK(g.next(14) == "AABACAAAABACAA");
}

// Each member gets its exact share of the turns, rounded up or down, and never less than one turn.
TEST_CASE("smooth weighted: totals too great for an exact order stay within one turn") {
  auto const check = [](std::vector<std::uint32_t> const& weights) {
    fleet f{smooth_weighted_round_robin{}, weighted(weights)};
    double total = 0;
    for (auto w : weights) total += w;
    double const turns = static_cast<double>(std::max<std::size_t>(65'536, 2 * weights.size()));
    std::size_t period = 0;
    for (auto w : weights) {
      double const ideal = w / total * turns;
      period += static_cast<std::size_t>(std::max(1.0, ideal));
    }
    period = std::max(period, static_cast<std::size_t>(turns));
    auto const count = f.shares(period);
    for (std::size_t i = 0; i != weights.size(); ++i) {
      double const ideal = weights[i] / total * turns;
      CAPTURE(weights[i], ideal, count[i]);
      CHECK(count[i] >= 1);
      CHECK(std::fabs(static_cast<double>(count[i]) - ideal) <= 1);
    }
  };
  constexpr std::uint32_t most = 0xFFFFFFFF;
  check({most, 1, 1});
  check({most, most, most - 1});
  check({most, most / 2, 12345, 1, most});
  rng d{4};
  for (int run = 0; run != 5; ++run) check(random_weights(d, 2 + random_below(d, 200), most));
  std::vector<std::uint32_t> one_giant(1000, 1);
  one_giant[500] = most;
  check(one_giant);
}

TEST_CASE("smooth weighted: a total too great for an exact order begins in nginx's order") {
  rng d{5};
  for (int run = 0; run != 5; ++run) {
    auto const weights = random_weights(d, 2 + random_below(d, 24), 0xFFFFFFFF);
    fleet f{smooth_weighted_round_robin{}, weighted(weights)};
    CHECK(f.next(20'000) == nginx_order(weights, 20'000));
  }
}

TEST_CASE("smooth weighted: with a huge total every prefix is within two turns of its share") {
  std::vector<std::uint32_t> const weights{3'000'000'001, 2'000'000'011, 1'000'000'007};
  fleet f{smooth_weighted_round_robin{}, weighted(weights)};
  std::vector<double> count(3);
  for (int n = 1; n <= 65'536; ++n) {
    ++count[f.picker.select()->number];
    for (std::size_t i = 0; i != 3; ++i)
      if (std::fabs(count[i] - n * (weights[i] / 6'000'000'019.0)) > 2)
        FAIL("after " << n << " picks, backend " << i << " has " << count[i]);
  }
}

TEST_CASE("smooth weighted: the greatest exact total is exact") {
  std::vector<std::uint32_t> weights(64, 1);
  weights[0] = (1u << 20) - 63;  // 2^20 turns, 2^26 steps
  fleet f{smooth_weighted_round_robin{}, weighted(weights)};
  std::vector<std::uint32_t> count(64);
  for (std::uint32_t i = 0; i != 1u << 20; ++i) ++count[f.picker.select()->number];
  CHECK(count == weights);
}

TEST_CASE("smooth weighted: equal weights need no table") {
  smooth_weighted_round_robin const policy;
  pool<server> pool;
  CHECK(policy.build({}).order.empty());
  fleet f{policy, weighted({7, 7, 7})};
  CHECK(f.next(6) == "ABCABC");
}

TEST_CASE("smooth weighted: equal weights take turns, however many members there are") {
  fleet f{smooth_weighted_round_robin{}, weighted(std::vector<std::uint32_t>(20'000, 7))};
  for (std::size_t i = 0; i != 40'000; ++i) REQUIRE(f.picker.select()->number == i % 20'000);
}

}  // namespace smooth_weighted_round_robin_test
