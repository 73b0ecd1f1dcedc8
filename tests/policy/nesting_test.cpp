// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <equipoise/policy/any_policy.hpp>

namespace nesting_test {
using namespace equipoise;

namespace {
// Checks what must hold of every nesting: every healthy backend is found, no other is, and a limit of 2 that is
// somewhere inside holds.
// (The policy is erased, because a pool, a balancer and a picker for each nesting take minutes to compile.)
void check_nesting(any_policy const& policy, bool has_limit) {
  INFO(describe(policy));
  auto members = servers(4);
  members[2].priority = members[3].priority = 1;
  fleet f{policy, members, 1};
  std::vector<lease<server>> held;
  f.set(1, health_flag::down);
  f.pool.refresh();
  for (std::uint64_t i = 0; i != 3 * 2; ++i) {
    held.push_back(acquire(f.picker, i));
    if (!held.back()) break;
    CHECK(held.back()->number != 1);
  }
  if (has_limit)
    for (auto id : f.ids) CHECK(f.pool.in_flight(id) <= 2);
  held.clear();
  for (std::size_t i : {0u, 2u, 3u}) {
    CHECK(select(f.picker, 3)->number != 1);
    f.set(i, health_flag::down);
  }
  CHECK(select(f.picker, 3).error() == pick_error::all_down);
  f.clear(1, health_flag::down);  // the table of an unkeyed policy does not contain it
  CHECK(select(f.picker, 3)->number == 1);
  CHECK(explain(f.picker, 3).choice == f.ids[1]);
  CHECK(select_n(f.picker, 3, 4) == std::vector{f.ids[1]});
  for (std::uint64_t i = 0; i != 3; ++i) held.push_back(acquire(f.picker, i));
  CHECK(name_or_error(held[0]) == "B");
  if (has_limit) CHECK(name_or_error(held[2]) == "(all_saturated)");
  held.clear();
  f.set(1, health_flag::down);
  CHECK(select(f.picker, 3).error() == pick_error::all_down);
  f.pool.refresh();
  CHECK(acquire(f.picker, 3).error() == pick_error::all_down);
  f.clear(3, health_flag::down);
  f.pool.refresh();
  CHECK(select(f.picker, 3)->number == 3);
  CHECK(select(f.picker, 3, {.excluded = {&f.ids[3], 1}}).error() == pick_error::all_excluded);
  CHECK(select_n(f.picker, 3, 4) == std::vector{f.ids[3]});
  for (auto id : f.ids) f.pool.remove(id);
  CHECK(select(f.picker, 3).error() == pick_error::empty);
}

// The composition C around a policy. A limit is small enough to be reached.
template <template <class> class C, class P>
C<P> wrapped(P policy) {
  if constexpr (std::same_as<C<P>, max_in_flight<P>>)
    return C<P>{std::move(policy), 2};
  else if constexpr (std::same_as<C<P>, bounded_load<P>>)
    return C<P>{std::move(policy), 4};
  else
    return C<P>{std::move(policy)};
}
template <template <class> class C>
constexpr bool has_limit = std::same_as<C<round_robin>, max_in_flight<round_robin>>;

// Checks every composition of every composition of the policy. `erase` is applied after each layer.
template <class P, class Erase>
void check_every_nesting(P const& policy, Erase erase) {
  for_each_standard_composition([&]<template <class> class Outer>() {
    for_each_standard_composition([&]<template <class> class Inner>() {
      check_nesting(erase(wrapped<Outer>(erase(wrapped<Inner>(policy)))), has_limit<Inner> || has_limit<Outer>);
    });
  });
}

// A composition of itself must be a new type. A deduction guide that copies would give the inner type.
template <template <class> class... C>
constexpr bool each_nests_in_itself(composition_list<C...>) {
  return (std::same_as<decltype(C{C{round_robin{}}}), C<C<round_robin>>> && ...);
}
static_assert(each_nests_in_itself(standard_compositions{}));

// A key is required through every layer.
template <class P>
concept picks_without_key = !equipoise::detail::mistaken_call<P>;
static_assert(picks_without_key<failover<bounded_load<round_robin>>>);
static_assert(!picks_without_key<maglev<>>);
static_assert(!picks_without_key<failover<bounded_load<maglev<>>>>);
static_assert(!picks_without_key<sticky<max_in_flight<maglev<>>>>);
}  // namespace

TEMPLATE_TEST_CASE("nesting: every composition of every composition keeps its rules", "", round_robin, maglev<>) {
  check_every_nesting(TestType{}, [](auto policy) { return policy; });
}

// Each layer is erased, because all combinations would take too long to compile.
TEMPLATE_LIST_TEST_CASE("nesting: every policy keeps its rules in every erased nesting", "", every_policy) {
  check_every_nesting(any_policy{TestType{}}, [](auto policy) { return any_policy{std::move(policy)}; });
}

}  // namespace nesting_test
