#include "support.hpp"

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/limited.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/sticky.hpp>

using namespace equipoise;

namespace {
// What must hold of any nesting: everybody who is well is found, nobody else, within the limit that is somewhere inside.
template <class P>
void holds_together(P const& policy, bool has_limit) {
  INFO(describe(policy));
  auto members = servers(4);
  members[2].priority = members[3].priority = 1;
  fleet f{policy, members, 1};
  std::vector<lease<server>> held;
  f.set(1, reason::down);
  f.pool.settle();
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
    f.set(i, reason::down);
  }
  CHECK(select(f.picker, 3).why() == cause::all_down);
  f.clear(1, reason::down);  // an unkeyed table does not hold it
  CHECK(select(f.picker, 3)->number == 1);
  CHECK(explain(f.picker, 3).choice == f.ids[1]);
  CHECK(select_n(f.picker, 3, 4) == std::vector{f.ids[1]});
  for (std::uint64_t i = 0; i != 3; ++i) held.push_back(acquire(f.picker, i));
  CHECK(who(held[0]) == "B");
  if (has_limit) CHECK(who(held[2]) == "(all_saturated)");
  held.clear();
  f.set(1, reason::down);
  CHECK(select(f.picker, 3).why() == cause::all_down);
  f.pool.settle();
  CHECK(acquire(f.picker, 3).why() == cause::all_down);
  f.clear(3, reason::down);
  f.pool.settle();
  CHECK(select(f.picker, 3)->number == 3);
  CHECK(select(f.picker, 3, {.tried = {&f.ids[3], 1}}).why() == cause::all_tried);
  CHECK(select_n(f.picker, 3, 4) == std::vector{f.ids[3]});
  for (auto id : f.ids) f.pool.remove(id);
  CHECK(select(f.picker, 3).why() == cause::empty);
}

template <class P>
void nested_in_everything(P const& policy, bool has_limit) {
  holds_together(limited{policy, 2}, true);
  holds_together(bounded_load{policy, 4}, has_limit);
  holds_together(failover{policy}, has_limit);
  holds_together(sticky{policy}, has_limit);
}

// Nesting must nest: a deduction guide that copied would make these the same type.
static_assert(std::same_as<decltype(limited{limited{round_robin{}}}), limited<limited<round_robin>>>);
static_assert(std::same_as<decltype(bounded_load{bounded_load{round_robin{}}}), bounded_load<bounded_load<round_robin>>>);
static_assert(std::same_as<decltype(failover{failover{round_robin{}}}), failover<failover<round_robin>>>);
static_assert(std::same_as<decltype(sticky{sticky{round_robin{}}}), sticky<sticky<round_robin>>>);

// A key is demanded through every layer.
template <class P>
concept picks_without_key = requires(equipoise::balancer<server, P>& lb) { lb.acquire(); };
static_assert(picks_without_key<failover<bounded_load<round_robin>>>);
static_assert(!picks_without_key<maglev<>>);
static_assert(!picks_without_key<failover<bounded_load<maglev<>>>>);
static_assert(!picks_without_key<sticky<limited<maglev<>>>>);
}  // namespace

TEMPLATE_TEST_CASE("every composition of every composition holds together", "", round_robin, maglev<>) {
  nested_in_everything(limited{TestType{}, 2}, true);
  nested_in_everything(bounded_load{TestType{}, 4}, false);
  nested_in_everything(failover{TestType{}}, false);
  nested_in_everything(sticky{TestType{}}, false);
}
