// SPDX-License-Identifier: MIT
// No pick allocates. This program counts each call of operator new.
#include "standard_policies.hpp"

#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/shard_router.hpp>

extern std::size_t allocations;             // calls of operator new until now
extern std::size_t allocations_until_none;  // how many until one fails; 0: none fails

namespace allocation_test {
using namespace equipoise;

namespace {
template <class F>
std::size_t allocations_of(F&& f) {
  auto const before = allocations;
  f();
  return allocations - before;
}

// Picks of every kind, with all backends healthy, some down, and none left, and across a publish.
template <class P>
void picks_without_allocating(P const& policy) {
  INFO(describe(policy));
  fleet f{policy, weighted({3, 1, 2, 5, 1, 1, 1, 4}), 1};
  std::vector<backend_id> several(4);
  std::array<lease<server>, 16> held;
  auto const excluded = f.ids[2];
  auto const pick_all_ways = [&] {
    for (std::uint64_t k = 0; k != 200; ++k) {
      pick_options const options{.now = time_point{std::chrono::seconds{1}},
                                 .excluded = {&excluded, k % 3 == 0},
                                 .session = k % 5 == 0 ? f.ids[3] : backend_id{}};
      [[maybe_unused]] auto const key = key_number<key_of_policy<P>>(k);
      if constexpr (keyed<P>) {
        static_cast<void>(f.picker.select(key, options).id());
        held[k % 16] = f.picker.acquire(key, options);
        f.picker.select_n(key, several, options);
      } else {
        static_cast<void>(f.picker.select(options).id());
        held[k % 16] = f.picker.acquire(options);
        f.picker.select_n(several, options);
      }
      if (k % 2 == 0) held[k % 16].finish(outcome::ok, time_point{std::chrono::seconds{2}});
    }
  };
  CHECK(allocations_of(pick_all_ways) == 0);
  for (std::size_t i : {1u, 3u, 4u}) f.set(i, health_flag::down);
  CHECK(allocations_of(pick_all_ways) == 0);
  f.pool.refresh();
  CHECK(allocations_of(pick_all_ways) == 0);  // the first of these takes the new snapshot
  for (auto id : f.ids) f.pool.set(id, health_flag::draining);
  CHECK(allocations_of(pick_all_ways) == 0);
  for (auto id : f.ids) f.pool.remove(id);
  CHECK(allocations_of(pick_all_ways) == 0);
  CHECK(allocations_of([&] { f.picker.release(); }) == 0);
}
}  // namespace

TEST_CASE("allocation: the counter counts each call of operator new") {
  // Explicit calls: the compiler may not leave them out.
  CHECK(allocations_of([] { ::operator delete(::operator new(1000)); }) == 1);
  CHECK(allocations_of([] {
          constexpr std::align_val_t line{equipoise::detail::cache_line};  // as a hazard pointer is allocated
          ::operator delete(::operator new(1000, line), line);
        }) == 1);
}

TEST_CASE("allocation: no pick of a policy made by name allocates, in any nesting of two") {
  auto const registry = policy_registry::standard();
  std::vector<std::string> leaves, wrappers;
  for (auto const& n : registry.names()) {
    auto const open = n.find('{');
    (open == n.npos ? leaves : wrappers).push_back(n.substr(0, open));
  }
  for (auto const& leaf : leaves) {
    picks_without_allocating(registry.make(leaf));
    for (auto const& inner : wrappers)
      for (auto const& outer : wrappers)
        picks_without_allocating(registry.make(outer + "{" + inner + "{" + leaf + "}}"));
  }
}

TEMPLATE_LIST_TEST_CASE("allocation: no pick of a policy named at compile time allocates", "", every_policy) {
  picks_without_allocating(TestType{});
}

TEST_CASE("allocation: no pick of a composition named at compile time allocates") {
  picks_without_allocating(failover{bounded_load{maglev{}}});
  picks_without_allocating(sticky{least_connections{}});
  picks_without_allocating(shard_router{modulo_shards{{"A", "B", "not a member"}}});
}

TEST_CASE("allocation: changing health flags and reporting outcomes allocates nothing") {
  fleet f{round_robin{}, servers(3), 0, {.observations = true}};
  CHECK(allocations_of([&] {
          f.pool.set(f.ids[0], health_flag::down);
          f.pool.clear(f.ids[0], health_flag::down);
          static_cast<void>(f.pool.health(f.ids[0]));
          static_cast<void>(f.pool.in_flight(f.ids[0]));
          f.picker.acquire().finish(outcome::error);
        }) == 0);
}

TEST_CASE("allocation: balancer.acquire allocates a picker once and then reuses it") {
  fleet f{round_robin{}, servers(3)};
  for (int i = 0; i != 100; ++i) f.lb.acquire().finish(outcome::ok);
  CHECK(allocations_of([&] {
          for (int i = 0; i != 100; ++i) f.lb.acquire().finish(outcome::ok);
        }) == 0);
}

TEST_CASE("allocation: a new picker reuses the hazard pointer of a picker that ended") {
  fleet f{round_robin{}, servers(3)};
  f.lb.make_picker().select();
  CHECK(allocations_of([&] {
          for (int i = 0; i != 100; ++i) f.lb.make_picker().select();
        }) == 0);
}

#if EQUIPOISE_EXCEPTIONS
TEMPLATE_LIST_TEST_CASE("allocation: explain that runs out of memory throws and changes no later pick", "",
                        every_policy) {
  INFO(TestType::name);
  fleet f{TestType{}, servers(5), 1}, twin{TestType{}, servers(5), 1};
  f.next(1), twin.next(1);
  std::size_t failed = 0;
  for (bool over = false; !over;) {
    allocations_until_none = failed + 1;
    try {
      static_cast<void>(explain(f.picker, 7));
      over = true;
    } catch (std::bad_alloc const&) {
      ++failed;
    }
    allocations_until_none = 0;
  }
  CHECK(failed > 3);
  CHECK(f.next(9) == twin.next(9));
}
#endif

}  // namespace allocation_test
