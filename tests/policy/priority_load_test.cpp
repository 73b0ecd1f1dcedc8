// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/priority_load.hpp>

namespace priority_load_test {
using namespace equipoise;

namespace {
std::vector<priority_load> loads_of(std::vector<priority_health> const& levels, priority_rules const& rules = {},
                                    std::vector<priority_load> before = {}) {
  before.resize(levels.size());
  spread_over_priorities(levels, rules, before);
  return before;
}
std::vector<std::uint32_t> healthy_of(std::vector<priority_load> const& loads) {
  std::vector<std::uint32_t> all;
  for (auto const& l : loads) all.push_back(l.healthy);
  return all;
}
using percents = std::vector<std::uint32_t>;
}  // namespace

TEST_CASE("priority_load: the table of two levels that Envoy's documentation has") {
  for (auto const& [first, second] : std::vector<std::pair<std::uint64_t, std::uint32_t>>{
           {100, 100}, {72, 100}, {71, 99}, {50, 70}, {25, 35}, {0, 0}})
    CHECK(healthy_of(loads_of({{.members = 100, .healthy = first}, {.members = 100, .healthy = 100}})) ==
          percents{second, 100 - second});
}

TEST_CASE("priority_load: if all levels cannot carry the work, each gets its part of it") {
  auto const loads = loads_of({{.members = 4, .healthy = 1}, {.members = 4, .healthy = 1}});  // 35 % each
  CHECK(healthy_of(loads) == percents{50, 50});
  CHECK(loads[0].in_panic);
  CHECK(loads_of({{.members = 3, .healthy = 1}, {.members = 3, .healthy = 1}}, {.panic_threshold = 30})[0] ==
        priority_load{50, 0, false});
}

TEST_CASE("priority_load: no level is in a panic while all of them can carry the work") {
  auto const loads = loads_of({{.members = 100, .healthy = 1}, {.members = 10, .healthy = 10}});
  CHECK(!loads[0].in_panic);
  CHECK(healthy_of(loads) == percents{1, 99});
  auto const both = loads_of({{.members = 100, .healthy = 1}, {.members = 10, .healthy = 6}});
  CHECK(both[0].in_panic);
  CHECK(!both[1].in_panic);
}

TEST_CASE("priority_load: if every level is in a panic, the number of members counts") {
  auto const loads = loads_of({{.members = 30, .healthy = 1}, {.members = 60}, {.members = 10}});
  CHECK(healthy_of(loads) == percents{30, 60, 10});
  for (auto const& l : loads) CHECK(l.in_panic);
  CHECK(healthy_of(loads_of({{.members = 1}, {.members = 1}, {.members = 1}})) == percents{34, 33, 33});
  CHECK(healthy_of(loads_of({{}, {.members = 3}})) == percents{0, 100});
  CHECK(healthy_of(loads_of({{}, {}})) == percents{100, 0});
  CHECK(loads_of({}).empty());
}

TEST_CASE("priority_load: with a threshold of 0 the first level keeps the work") {
  CHECK(loads_of({{.members = 5}, {.members = 7}}, {.panic_threshold = 0}) ==
        std::vector<priority_load>{{100, 0, false}, {0, 0, false}});
}

TEST_CASE("priority_load: degraded members are the last reserve") {
  auto const loads = loads_of({{.members = 10, .healthy = 2, .degraded = 8}, {.members = 10, .healthy = 1}});
  CHECK(loads[0] == priority_load{28, 58, false});
  CHECK(loads[1] == priority_load{14, 0, false});
}

TEST_CASE("priority_load: excluded members do not count, and those taken out cause no panic") {
  CHECK(healthy_of(loads_of({{.members = 10, .excluded = 5, .healthy = 4}, {.members = 1, .healthy = 1}})) ==
        percents{100, 0});
  auto const loads = loads_of({{.members = 10, .healthy = 2, .taken_out = 7}, {.members = 10, .healthy = 2}});
  CHECK(!loads[0].in_panic);
  CHECK(loads[1].in_panic);
  CHECK(healthy_of(loads) == percents{50, 50});
}

TEST_CASE("priority_load: weights count for the load and not for a panic") {
  auto const loads =
      loads_of({{.members = 2, .healthy = 1, .weight = 10, .healthy_weight = 1}}, {.panic_threshold = 51});
  CHECK(loads[0] == priority_load{100, 0, true});
  CHECK(healthy_of(loads_of({{.members = 2, .healthy = 1, .weight = 10, .healthy_weight = 5},
                             {.members = 1, .healthy = 1}})) == percents{70, 30});
}

TEST_CASE("priority_load: without any health and any panic the loads stay as they were") {
  // One of 1000 is 0 whole percent, and not below the threshold.
  std::vector<priority_health> const levels{{.members = 1000, .healthy = 1}, {.members = 1000, .healthy = 1}};
  priority_rules const rules{.overprovisioning = 100, .panic_threshold = 0.1};
  CHECK(healthy_of(loads_of(levels, rules, {{20, 0, true}, {80, 0, false}})) == percents{20, 80});
  CHECK(healthy_of(loads_of(levels, rules)) == percents{100, 0});
}

TEST_CASE("priority_load: the loads are whole percent that add up to 100") {
  rng d{17};
  for (int i = 0; i != 100'000; ++i) {
    std::vector<priority_health> levels(1 + random_below(d, 8));
    std::uint64_t const scale = random_below(d, 50) == 0 ? 1'000'000'000'000'000'000 : 1;
    for (auto& l : levels) {
      std::uint64_t const n = random_below(d, 12);
      l.members = n * scale;
      l.healthy = (n == 0 ? 0 : random_below(d, static_cast<std::uint32_t>(n + 1))) * scale;
      l.degraded = random_below(d, 2) * (l.members - l.healthy);
      l.taken_out = random_below(d, 2) * (l.members - l.healthy - l.degraded);
    }
    priority_rules const rules{100 + random_below(d, 2) * random_below(d, 500),
                               static_cast<double>(random_below(d, 101))};
    auto const loads = loads_of(levels, rules);
    std::uint32_t sum = 0;
    for (auto const& l : loads) sum += l.healthy + l.degraded;
    REQUIRE(sum == 100);
    // More health on a level never takes work from it.
    if (scale == 1 && levels[0].healthy < levels[0].members && levels[0].degraded == 0 && rules.panic_threshold == 0) {
      auto more = levels;
      ++more[0].healthy;
      more[0].taken_out = 0;
      REQUIRE(loads_of(more, rules)[0].healthy >= loads[0].healthy);
    }
  }
}

}  // namespace priority_load_test
