// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/ring_hash.hpp>

#include <map>

namespace ring_hash_test {
using namespace equipoise;

namespace {
// The circle as the header describes it, with a binary search.
struct plain_ring {
  std::vector<std::tuple<std::uint32_t, std::string, std::size_t>> circle;
  plain_ring(std::vector<server> const& members, std::uint32_t points) {
    for (auto const& m : members)
      for (std::uint64_t r = 0; r != std::uint64_t{points} * m.weight; ++r)
        circle.emplace_back(static_cast<std::uint32_t>(mix(xxh64(m.name) + r * golden_gamma) >> 32), m.name, m.number);
    std::sort(circle.begin(), circle.end());
  }
  std::size_t operator()(std::uint64_t hash) const {
    auto const at = std::lower_bound(circle.begin(), circle.end(), static_cast<std::uint32_t>(hash >> 32),
                                     [](auto const& point, std::uint32_t h) { return std::get<0>(point) < h; });
    return std::get<2>(at == circle.end() ? circle.front() : *at);
  }
};
}  // namespace

TEST_CASE("ring_hash: the bucket index finds what a binary search finds") {
  rng d{19};
  for (std::uint32_t points : {1u, 2u, 3u, 7u, 160u, 1000u})
    for (std::size_t n : {1u, 2u, 3u, 17u, 200u}) {
      auto const members = weighted(random_weights(d, n, 3));
      plain_ring const plain{members, points};
      fleet f{ring_hash{points}, members};
      for (int k = 0; k != 500; ++k) {
        std::uint64_t const key = d();
        if (f.picker.select(key)->number != plain(default_hash{}(key)))
          FAIL("key " << key << " with " << n << " members of " << points << " points");
      }
    }
}

TEST_CASE("ring_hash: the ends of the circle belong to the first point") {
  // Some of these keys fall beyond the last point of the circle.
  fleet f{ring_hash{1}, servers(2)};
  plain_ring const plain{servers(2), 1};
  for (std::uint64_t i = 0; i != 20'000; ++i) REQUIRE(f.picker.select(i)->number == plain(default_hash{}(i)));
}

TEST_CASE("ring_hash: a member that joins or leaves moves only its own keys") {
  rng d{20};
  for (int run = 0; run != 10; ++run) {
    fleet f{ring_hash{}, weighted(random_weights(d, 10, 3))};
    auto const before = f.owners(5000);
    f.join({{"newcomer", 2, 0, "", 10}});
    auto const with = f.owners(5000);
    std::size_t moved = 0;
    for (std::size_t i = 0; i != before.size(); ++i)
      if (with[i] != before[i]) {
        REQUIRE(with[i] == f.ids.back());
        ++moved;
      }
    CHECK(moved > 0);
    f.pool.remove(f.ids.back());
    CHECK(f.owners(5000) == before);

    auto const gone = f.ids[random_below(d, 10)];
    f.pool.remove(gone);
    auto const without = f.owners(5000);
    for (std::size_t i = 0; i != before.size(); ++i)
      if (before[i] != gone) REQUIRE(without[i] == before[i]);
  }
}

TEST_CASE("ring_hash: any order of the same changes gives the same map") {
  rng d{21};
  check_any_order_gives_the_same_map(ring_hash{}, weighted(random_weights(d, 12, 4)), d);
}

TEST_CASE("ring_hash: shares follow the weights within a third") {
  std::vector<std::uint32_t> const weights{1, 2, 3, 4, 5, 1, 2, 3, 4, 5};
  fleet f{ring_hash{}, weighted(weights)};
  auto const count = f.shares(100'000);
  for (std::size_t i = 0; i != weights.size(); ++i)
    CHECK(static_cast<double>(count[i]) == Approx(100'000.0 * weights[i] / 30).epsilon(0.33));
}

TEST_CASE("ring_hash: keys are spread also if a custom hash is not even") {
  struct itself {
    std::uint64_t operator()(std::uint64_t n) const { return n; }
  };
  fleet f{ring_hash<itself>{}, servers(10)};
  for (auto const n : f.shares(50'000)) CHECK(n > 2500);
}

TEST_CASE("ring_hash: great weights fit up to the limit, and shares follow them") {
  fleet f{ring_hash{1}, weighted({2'000'000, 1'000'000, 1})};
  auto const count = f.shares(20'000);
  CHECK(chi_square({count[0], count[1]}, {2, 1}) < 2);
  CHECK(count[2] <= 2);
}

TEST_CASE("ring_hash refuses points outside 1 … 65536, naming field and value") {
  CHECK_THROWS_WITH(ring_hash(0), Catch::Matchers::ContainsSubstring("points 0 "));
  CHECK_THROWS_WITH(ring_hash(65'537), Catch::Matchers::ContainsSubstring("points 65537 "));
  CHECK_NOTHROW(ring_hash(65'536));
}

TEST_CASE("ring_hash refuses more points than its limit by field and value") {
  fleet f{ring_hash{65'536}, weighted({3})};
  for (std::uint32_t weight : {2046u, 0xFFFFFFFFu}) {
    CHECK_THROWS_WITH(
        f.pool.add({"heavy", weight}),
        Catch::Matchers::ContainsSubstring("ring_hash::points 65536 ") &&
            Catch::Matchers::ContainsSubstring("weight " + std::to_string(weight) + " of backend 'heavy'") &&
            Catch::Matchers::ContainsSubstring("134217728 points"));
    CHECK(f.pool.size() == 1);
  }
  std::vector<server> all(131'072);
  for (std::size_t i = 0; i != all.size(); ++i) all[i] = {std::to_string(i), 1u << 31};
  pool<server> p{{.capacity = 131'072}};
  p.assign(all);  // the sum does not fit into 64 bits
  CHECK_THROWS_WITH((balancer{p, ring_hash{65'536}, 0}), Catch::Matchers::ContainsSubstring("points 65536"));
}

}  // namespace ring_hash_test
