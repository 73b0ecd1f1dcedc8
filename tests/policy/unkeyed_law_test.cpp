// SPDX-License-Identifier: MIT
// The law of policies without a key: picks repeat with the seed, first picks are spread, and a dead member leaves its
// share fairly to the others.
#include "standard_policies.hpp"

namespace unkeyed_law_test {
using namespace equipoise;

namespace {
// The shares of these policies follow the weights, also while no backend has work.
using weighted_policies = except<unkeyed_policies, round_robin, equipoise::random>;

// These policies have an order, so the first pick may start at its beginning. The others draw.
using ordered_policies = except<unkeyed_policies, equipoise::random, weighted_random, power_of_two>;
}  // namespace

TEMPLATE_LIST_TEST_CASE("unkeyed law: the same seed gives the same picks, and another seed gives others", "",
                        unkeyed_policies) {
  INFO(TestType::name);
  auto const picks = [](std::uint64_t seed) {
    fleet f{TestType{}, weighted({5, 3, 9, 2, 7, 1}), seed};
    auto second = f.lb.make_picker();
    rng d{33};
    std::string names;
    std::vector<lease<server>> held;
    for (int i = 0; i != 300; ++i) {
      if (i == 100) f.set(2, health_flag::down);
      if (i == 150) f.pool.refresh();
      if (i == 200) f.pool.remove(f.ids[4]);
      held.push_back(i % 3 == 0 ? second.acquire() : f.picker.acquire());
      names += name_or_error(held.back());
      if (random_below(d, 2) == 0) held.erase(held.begin());
    }
    return names;
  };
  CHECK(picks(5) == picks(5));
  CHECK(picks(0) == picks(0));
  CHECK(picks(5) != picks(6));
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: with seed 0 the first picker starts at the first member", "", ordered_policies) {
  INFO(TestType::name);
  std::vector<std::size_t> second(7);
  for (int i = 0; i != 20; ++i) {
    fleet f{TestType{}, servers(7)};
    CHECK(f.next(3) == "ABC");
    for (int k = 0; k != 20; ++k) ++second[f.lb.make_picker().select()->number];
  }
  CHECK(std::count(second.begin(), second.end(), 0u) == 0);
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: the first picks of 1000 processes are spread evenly", "", unkeyed_policies) {
  INFO(TestType::name);
  std::vector<std::size_t> at_once(10), later(10), weights(4);
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    fleet f{TestType{}, servers(10), seed};
    ++at_once[f.picker.select()->number];
    fleet g{TestType{}, {}, seed};
    CHECK(g.next(1) == "(empty)");
    g.join(servers(10));
    ++later[g.picker.select()->number];
  }
  CHECK(chi_square(at_once) < 1);
  CHECK(chi_square(later) < 1);
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: the first and second picks of 1000 processes follow the weights", "",
                        weighted_policies) {
  INFO(TestType::name);
  std::vector<std::size_t> first(4), second(4);
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    fleet f{TestType{}, weighted({1, 2, 3, 4}), seed};
    ++first[f.picker.select()->number];
    ++second[f.picker.select()->number];
  }
  CHECK(chi_square(first, {1, 2, 3, 4}) < 1);
  CHECK(chi_square(second, {1, 2, 3, 4}) < 1);
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: a dead heavy member leaves its work evenly to two equal ones", "",
                        unkeyed_policies) {
  INFO(TestType::name);
  for (std::uint32_t heavy : {5u, 1000u})
    for (std::uint64_t seed : {0u, 1u, 2u}) {
      fleet f{TestType{}, weighted({heavy, 1, 1}), seed};
      f.next(seed);
      f.set(0, health_flag::down);
      for (int round = 0; round != 2; ++round) {
        auto const count = f.shares(40'000);
        CHECK(count[0] == 0);
        CHECK(static_cast<double>(count[1]) == Approx(20'000).margin(400));
        f.pool.refresh();
      }
    }
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: a dead member leaves the ratio of the others' shares unchanged", "",
                        unkeyed_policies) {
  INFO(TestType::name);
  bool const weighs = policy_lists::contains<weighted_policies, TestType>;
  std::vector<std::uint32_t> const weights{4, 1, 2, 3, 4, 6};
  fleet f{TestType{}, weighted(weights), 3};
  f.set(3, health_flag::down);
  for (int round = 0; round != 2; ++round) {
    auto const count = f.shares(50'000);
    for (std::size_t i = 0; i != 6; ++i)
      CHECK(static_cast<double>(count[i]) ==
            Approx(i == 3 ? 0 : 50'000 * (weighs ? weights[i] / 17.0 : 1 / 5.0)).epsilon(0.08));
    f.pool.refresh();
  }
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: recovered members get their share before a refresh", "", unkeyed_policies) {
  INFO(TestType::name);
  fleet f{TestType{}, weighted({3, 1, 2, 1}), 4};
  f.set(0, health_flag::down);
  f.set(1, health_flag::down);
  f.set(2, health_flag::down);
  f.pool.refresh();
  f.pool.clear(f.ids[0], health_flag::down);
  f.pool.clear(f.ids[2], health_flag::down);
  constexpr bool counts = !policy_lists::contains<std::tuple<round_robin, equipoise::random>, TestType>;
  auto const all = f.shares(12'000);
  CHECK(all[1] == 0);
  CHECK(chi_square({all[0], all[2], all[3]}, counts ? std::vector<double>{3, 2, 1} : std::vector<double>{1, 1, 1}) < 1);
  f.set(3, health_flag::down);
  auto const count = f.shares(10'000);
  CHECK(chi_square({count[0], count[2]}, {counts ? 3.0 : 1.0, counts ? 2.0 : 1.0}) < 1);
  auto const explained = f.picker.explain();
  CHECK(explained.choice == f.picker.select().id());
  CHECK(select_n(f.picker, 0, 4).size() == 2);
  f.set(0, health_flag::maintenance);
  f.set(2, health_flag::maintenance);
  CHECK(f.next(1) == "(all_down)");
}

TEMPLATE_LIST_TEST_CASE("unkeyed law: a publish that changes no share keeps each worker's position", "",
                        unkeyed_policies) {
  INFO(TestType::name);
  fleet f{TestType{}, weighted({3, 1, 2}), 0}, twin{TestType{}, weighted({3, 1, 2}), 0};
  for (int i = 0; i != 200; ++i) {
    if (i % 3 == 0) f.pool.update(f.ids[0], {.weight = 3, .zone = std::to_string(i % 2)});
    REQUIRE(f.next(1) == twin.next(1));
  }
}

}  // namespace unkeyed_law_test
