// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/weighted_round_robin.hpp>

namespace weighted_round_robin_test {
using namespace equipoise;

TEST_CASE("weighted round robin: each period gives each backend exactly its weight") {
  rng d{1};
  for (int run = 0; run != 50; ++run) {
    auto const weights = random_weights(d, 1 + random_below(d, 12), 20);
    fleet f{weighted_round_robin{}, weighted(weights), 0};
    auto second = f.lb.make_picker();
    std::size_t period = 0;
    for (auto w : weights) period += w;
    std::vector<std::size_t> count(weights.size());
    for (std::size_t i = 0; i != 3 * period; ++i) ++count[second.select()->number];
    for (std::size_t i = 0; i != weights.size(); ++i) CHECK(count[i] == 3 * weights[i]);
  }
}

TEST_CASE("weighted round robin: weights 3, 2, 1 give A A A B B C again and again") {
  fleet f{weighted_round_robin{}, weighted({3, 2, 1})};
  CHECK(f.next(12) == "AAABBCAAABBC");
}

TEST_CASE("weighted round robin: workers' first picks follow even the greatest weights") {
  fleet f{weighted_round_robin{}, weighted({0xFFFFFFFF, 0xFFFFFFFF, 1}), 5};
  std::vector<std::size_t> first(3);
  for (int i = 0; i != 2000; ++i) {
    auto p = f.lb.make_picker();
    ++first[p.select()->number];
  }
  CHECK(first[2] == 0);
  CHECK(chi_square({first[0], first[1]}) < 1);
}

TEST_CASE("weighted round robin: a weight that shrinks during its run ends the run") {
  fleet f{weighted_round_robin{}, weighted({5, 1})};
  CHECK(f.next(3) == "AAA");
  f.pool.update(f.ids[0], {.weight = 2});
  CHECK(f.next(5) == "BAABA");
}

TEST_CASE("weighted round robin: members that leave during a run leave a valid position") {
  fleet f{weighted_round_robin{}, weighted({1, 1, 9})};
  CHECK(f.next(4) == "ABCC");
  f.pool.remove(f.ids[2]);
  CHECK(f.shares(10) == std::vector<std::size_t>{5, 5, 0});
}

}  // namespace weighted_round_robin_test
