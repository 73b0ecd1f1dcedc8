// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/maglev.hpp>

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

namespace maglev_test {
using namespace equipoise;

namespace {
std::vector<std::size_t> entries_of(std::vector<std::uint32_t> const& weights, std::uint32_t size) {
  auto const members = weighted(weights);
  std::vector<detail::record_base> records(members.size());
  std::vector<member> list(members.size());
  for (std::size_t i = 0; i != list.size(); ++i) {
    records[i].key = members[i].name;
    list[i].record = &records[i];
    list[i].weight = weights[i];
  }
  auto const table = (size != 0 ? maglev{size} : maglev{}).build({list, list.size(), list});
  CHECK(table.narrow.size() == table.size);
  std::vector<std::size_t> count(weights.size());
  for (auto owner : table.narrow) {
    REQUIRE(owner < count.size());
    ++count[owner];
  }
  return count;
}
}  // namespace

TEST_CASE("maglev: every entry has an owner, for any number of members and any prime") {
  for (std::uint32_t size : {2u, 3u, 5u, 7u, 101u, 65'537u})
    for (std::size_t n : {1u, 2u, 3u, 5u, 40u}) {
      if (n > size) continue;  // refused
      auto const count = entries_of(std::vector<std::uint32_t>(n, 1), size);
      std::size_t sum = 0, most = 0, least = size;
      for (auto c : count) sum += c, most = std::max(most, c), least = std::min(least, c);
      CHECK(sum == size);
      CHECK(most - least <= 1);
    }
}

TEST_CASE("maglev: the size of the table does not follow the number of members") {
  for (std::size_t n : {1u, 655u, 656u, 1000u, 65'000u}) {
    auto const count = entries_of(std::vector<std::uint32_t>(n, 1), 0);
    CHECK(std::accumulate(count.begin(), count.end(), std::size_t{0}) == 65'537);
  }
}

TEST_CASE("maglev: shares are within 1 % of the weights") {
  rng d{22};
  for (std::size_t n : {3u, 10u, 100u}) {
    for (auto const& weights : {std::vector<std::uint32_t>(n, 1), random_weights(d, n, 5)}) {
      double total = 0;
      for (auto w : weights) total += w;
      auto const count = entries_of(weights, 0);
      double size = 0;
      for (auto c : count) size += static_cast<double>(c);
      for (std::size_t i = 0; i != n; ++i)
        CHECK(static_cast<double>(count[i]) == Approx(size * weights[i] / total).epsilon(0.01));
    }
  }
}

TEST_CASE("maglev: the greatest weights overflow nothing") {
  constexpr std::uint32_t most = 0xFFFFFFFF;
  auto const count = entries_of({most, most / 2, 1}, 0);
  CHECK(static_cast<double>(count[0]) == Approx(65'537 * 2 / 3.0).epsilon(0.001));
  CHECK(static_cast<double>(count[1]) == Approx(65'537 / 3.0).epsilon(0.001));
}

TEST_CASE("maglev: keys are as even as the table") {
  fleet f{maglev{}, servers(50)};
  CHECK(chi_square(f.shares(200'000)) < 1.1);
}

TEST_CASE("maglev: keys are even also if a custom hash is not") {
  struct the_number_itself {
    std::uint64_t operator()(std::uint64_t n) const { return n; }
  };
  fleet f{maglev<the_number_itself>{}, servers(50)};
  CHECK(chi_square(f.shares(200'000)) < 1.1);
}

TEST_CASE("maglev: a leaving member moves less than 1 % of the other members' keys") {
  for (std::size_t n : {10u, 100u}) {
    fleet f{maglev{}, servers(n)};
    auto const before = f.owners(30'000);
    auto const gone = f.ids[n / 2];
    f.pool.remove(gone);
    CHECK(others_moved(before, f.owners(30'000), gone) < 0.01);
    f.join({{name_of(n / 2), 1, 0, "", n / 2}});
    auto const after = f.owners(30'000);
    for (std::size_t i = 0; i != before.size(); ++i)
      REQUIRE(after[i] == (before[i] == gone ? f.ids.back() : before[i]));
  }
}

TEST_CASE("maglev: any order of joining gives the same map") {
  rng d{23};
  check_any_order_gives_the_same_map(maglev{}, weighted(random_weights(d, 9, 4)), d);
}

TEST_CASE("maglev refuses a size that is no prime below 2^30, naming field and value") {
  for (std::uint32_t bad : {0u, 1u, 4u, 65'536u, 1'073'741'827u, 1u << 31})
    CHECK_THROWS_WITH(maglev(bad), Catch::Matchers::ContainsSubstring("entries " + std::to_string(bad)));
  CHECK_NOTHROW(maglev(65'537));
}

TEST_CASE("maglev refuses more members than entries by field and value, changing nothing") {
  fleet f{maglev{3}, servers(3)};
  auto const before = f.owners(50);
  CHECK_THROWS_WITH(f.join({{"newcomer"}}), Catch::Matchers::ContainsSubstring("maglev::entries 3 ") &&
                                                Catch::Matchers::ContainsSubstring(", 4"));
  CHECK(f.pool.size() == 3);
  CHECK(f.owners(50) == before);
}

TEST_CASE("maglev: a member too light for an entry is found when all others are down") {
  fleet f{maglev{3}, weighted({1'000'000, 1})};
  for (int i = 0; i != 50; ++i) CHECK(f.picker.select(i)->number == 0);
  f.set(0, health_flag::down);
  for (int i = 0; i != 50; ++i) CHECK(f.picker.select(i)->number == 1);
}

TEST_CASE("maglev: each turn takes the first free entry of the member's order") {
  auto const size = GENERATE(2u, 3u, 5u, 101u, 4'099u, 65'537u);
  auto const n = GENERATE(1u, 2u, 3u, 100u, 4'099u);
  auto const is_equal = GENERATE(true, false);
  if (n > size) return;  // refused
  CAPTURE(size, n, is_equal);
  std::vector<std::string> const names = [&] {
    std::vector<std::string> all;
    for (std::uint32_t i = 0; i != n; ++i) all.push_back("member " + std::to_string(i));
    return all;
  }();
  std::vector<detail::record_base> records(n);
  std::vector<member> list(n);
  for (std::uint32_t i = 0; i != n; ++i) {
    records[i].key = names[i];
    list[i].record = &records[i];
    list[i].weight = is_equal ? 3 : 1 + i % 7;
  }

  // The algorithm as it is written down: one step at a time, and the earliest turn is looked for.
  std::vector<std::uint32_t> order(n);
  for (std::uint32_t i = 0; i != n; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return xxh64(names[a]) < xxh64(names[b]); });
  std::vector<std::uint64_t> at(n), skip(n), turns(n);
  for (std::uint32_t const i : order) {
    std::uint64_t const a = mix(xxh64(names[i]) * golden_gamma + 1), b = mix(a + golden_gamma);
    at[i] = multiply_high(a, size);
    skip[i] = size > 2 ? multiply_high(b, size - 1) + 1 : 1;
  }
  std::set<std::tuple<double, std::uint32_t, std::uint32_t>> next;  // time, place, member
  for (std::uint32_t place = 0; place != n; ++place) next.emplace(1.0 / list[order[place]].weight, place, order[place]);
  std::vector<std::uint16_t> expected(size, 0xFFFF);
  for (std::uint32_t left = size; left != 0; --left) {
    auto const [time, place, i] = *next.begin();
    next.erase(next.begin());
    while (expected[at[i]] != 0xFFFF) at[i] = (at[i] + skip[i]) % size;
    expected[at[i]] = static_cast<std::uint16_t>(i);
    next.emplace(static_cast<double>(++turns[i] + 1) / list[i].weight, place, i);
  }
  auto const table = maglev{size}.build({list, list.size(), list});
  CHECK(std::vector(table.narrow.begin(), table.narrow.end()) == expected);
}

}  // namespace maglev_test
