// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/random.hpp>
#include <equipoise/policy/weighted_random.hpp>

namespace weighted_random_test {
using namespace equipoise;

TEST_CASE("random gives every backend the same share") {
  for (std::size_t n : {2u, 3u, 10u, 257u}) {
    fleet f{equipoise::random{}, servers(n), n};
    CHECK(chi_square(f.shares(200'000)) < 1);
  }
}

TEST_CASE("random picks do not depend on the previous pick") {
  fleet f{equipoise::random{}, servers(4), 9};
  std::vector<std::size_t> pairs(16);
  for (std::size_t i = 0, last = 0; i != 200'000; ++i) {
    std::size_t const now = f.picker.select()->number;
    ++pairs[4 * last + now];
    last = now;
  }
  CHECK(chi_square(pairs) < 1);
}

TEST_CASE("weighted random gives each backend its weight's share, for any weights") {
  rng d{5};
  for (int run = 0; run != 20; ++run) {
    auto const weights = random_weights(d, 2 + random_below(d, 30), 100);
    fleet f{weighted_random{}, weighted(weights), 1000u + static_cast<unsigned>(run)};
    CHECK(chi_square(f.shares(200'000), {weights.begin(), weights.end()}) < 1);
  }
}

TEST_CASE("weighted random: the greatest weights overflow nothing") {
  constexpr std::uint32_t most = 0xFFFFFFFF;
  fleet f{weighted_random{}, weighted({most, most / 2, most, 1}), 3};
  auto const count = f.shares(300'000);
  CHECK(count[3] == 0);
  CHECK(chi_square({count[0], count[1], count[2]}, {2, 1, 2}) < 1);
}

TEST_CASE("weighted random with equal weights draws as random does") {
  fleet f{weighted_random{}, weighted({4, 4, 4, 4, 4}), 77};
  fleet g{equipoise::random{}, servers(5), 77};
  CHECK(f.next(1000) == g.next(1000));
}

}  // namespace weighted_random_test
