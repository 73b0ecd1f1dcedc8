// SPDX-License-Identifier: MIT
// The law of keyed policies: each key has a fixed sequence of members, and goes to the first healthy one. So only the
// keys of a dead member move, they return with it, and history does not matter.
#include "standard_policies.hpp"

#include <equipoise/policy/any_policy.hpp>

namespace keyed_law_test {
using namespace equipoise;

namespace {
// These policies take keys of every kind.
using hashing_policies = except<keyed_policies, ip_hash>;

// The shares of these policies are even if the weights are equal.
using even_policies = except<hashing_policies, ring_hash<>>;

// Checks the law for some keys over random subsets, of which `down` per cent are dead.
template <class P>
void check_law(P policy, std::vector<std::uint32_t> const& weights, std::uint32_t levels, std::uint64_t seed) {
  rng d{seed};
  auto members = weighted(weights);
  for (auto& s : members) s.priority = random_below(d, levels);
  fleet f{std::move(policy), members, seed};
  constexpr std::size_t keys = 60;
  std::vector<std::vector<backend_id>> sequence;
  for (std::uint64_t k = 0; k != keys; ++k) {
    sequence.push_back(select_n(f.picker, k, members.size()));
    REQUIRE(sequence[k].size() == members.size());
    REQUIRE(select(f.picker, k).id() == sequence[k][0]);
  }
  auto other = f.lb.make_picker();  // all workers agree
  for (std::uint32_t down : {1u, 10u, 50u, 90u, 99u}) {
    std::vector<backend_id> healthy;
    for (auto id : f.ids) {
      f.pool.clear(id, health_flag::down);
      if (random_below(d, 100) < down)
        f.pool.set(id, health_flag::down);
      else
        healthy.push_back(id);
    }
    for (int round = 0; round != 2; ++round) {
      for (std::uint64_t k = 0; k != keys; ++k) {
        auto const first = std::find_if(sequence[k].begin(), sequence[k].end(), [&](backend_id id) {
          return std::find(healthy.begin(), healthy.end(), id) != healthy.end();
        });
        auto const expected = first == sequence[k].end() ? backend_id{} : *first;
        if (select(round == 0 ? f.picker : other, k).id() != expected)
          FAIL("key " << k << " with " << down << " % down");
      }
      f.pool.refresh();
    }
  }
}

template <class P>
void check_law(P const& policy) {
  check_law(policy, std::vector<std::uint32_t>(100, 1), 3, 1);
  rng d{2};
  check_law(policy, random_weights(d, 40, 9), 2, 3);
  check_law(policy, {1, 1, 1}, 1, 4);
}
}  // namespace

TEMPLATE_LIST_TEST_CASE("keyed law: a key goes to the first healthy member of its sequence", "", keyed_policies) {
  INFO(TestType::name);
  check_law(TestType{});
}

TEMPLATE_LIST_TEST_CASE("keyed law: it holds within each composition", "", keyed_policies) {
  INFO(TestType::name);
  // Erased, because a pool, a balancer and a picker for each of them take minutes to compile.
  for_each_standard_composition([]<template <class> class C>() {
    // These move keys to the next level before the last member of a level is down.
    if constexpr (!std::same_as<C<TestType>, priority_levels<TestType>>) check_law(any_policy{C<TestType>{TestType{}}});
  });
}

TEST_CASE("keyed law: it holds within compositions of compositions") {
  check_law(failover{bounded_load{maglev{}}});
  check_law(sticky{failover{ring_hash{}}});
  check_law(max_in_flight{failover{maglev{}}});
}

TEMPLATE_LIST_TEST_CASE("keyed law: keys of dead members spread evenly over the healthy ones", "", even_policies) {
  INFO(TestType::name);
  fleet f{TestType{}, servers(40)};
  for (std::size_t dead : {20u, 36u}) {
    for (std::size_t i = 0; i != dead; ++i) f.set(i, health_flag::down);
    auto count = f.shares(100'000);
    count.erase(count.begin(), count.begin() + static_cast<std::ptrdiff_t>(dead));
    CHECK(chi_square(count) < 1.5);
  }
}

TEMPLATE_LIST_TEST_CASE("keyed law: equal keys of different types have the same owner", "", hashing_policies) {
  INFO(TestType::name);
  fleet f{TestType{}, servers(50)};
  auto const owner = [&](auto const& key) { return f.picker.select(key).id(); };
  CHECK(owner("user-42") == owner(std::string{"user-42"}));
  CHECK(owner(42) == owner(std::uint64_t{42}));
  CHECK(owner(short{-1}) == owner(std::int64_t{-1}));
  std::size_t other = 0;
  for (int i = 0; i != 100; ++i) other += owner(i) != owner(std::to_string(i));
  CHECK(other > 80);
  CHECK(owner(*address::parse("2001:db8::1")));
}

}  // namespace keyed_law_test
