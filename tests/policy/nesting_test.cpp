#include "support.hpp"

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/sticky.hpp>

using namespace equipoise;

namespace {
// What must hold of any nesting: everybody who is well is found, nobody else, within the limit that is somewhere
// inside.
template <class P>
void holds_together(P const& policy, bool has_limit) {
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
  f.clear(1, health_flag::down);  // an unkeyed table does not hold it
  CHECK(select(f.picker, 3)->number == 1);
  CHECK(explain(f.picker, 3).choice == f.ids[1]);
  CHECK(select_n(f.picker, 3, 4) == std::vector{f.ids[1]});
  for (std::uint64_t i = 0; i != 3; ++i) held.push_back(acquire(f.picker, i));
  CHECK(who(held[0]) == "B");
  if (has_limit) CHECK(who(held[2]) == "(all_saturated)");
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

template <class P>
void nested_in_everything(P const& policy, bool has_limit) {
  holds_together(max_in_flight{policy, 2}, true);
  holds_together(bounded_load{policy, 4}, has_limit);
  holds_together(failover{policy}, has_limit);
  holds_together(sticky{policy}, has_limit);
}

// Nesting must nest: a deduction guide that copied would make these the same type.
static_assert(
    std::same_as<decltype(max_in_flight{max_in_flight{round_robin{}}}), max_in_flight<max_in_flight<round_robin>>>);
static_assert(
    std::same_as<decltype(bounded_load{bounded_load{round_robin{}}}), bounded_load<bounded_load<round_robin>>>);
static_assert(std::same_as<decltype(failover{failover{round_robin{}}}), failover<failover<round_robin>>>);
static_assert(std::same_as<decltype(sticky{sticky{round_robin{}}}), sticky<sticky<round_robin>>>);

// A key is demanded through every layer.
template <class P>
concept picks_without_key = requires(equipoise::balancer<server, P>& lb) { lb.acquire(); };
static_assert(picks_without_key<failover<bounded_load<round_robin>>>);
static_assert(!picks_without_key<maglev<>>);
static_assert(!picks_without_key<failover<bounded_load<maglev<>>>>);
static_assert(!picks_without_key<sticky<max_in_flight<maglev<>>>>);
}  // namespace

TEMPLATE_TEST_CASE("every composition of every composition holds together", "", round_robin, maglev<>) {
  nested_in_everything(max_in_flight{TestType{}, 2}, true);
  nested_in_everything(bounded_load{TestType{}, 4}, false);
  nested_in_everything(failover{TestType{}}, false);
  nested_in_everything(sticky{TestType{}}, false);
}
