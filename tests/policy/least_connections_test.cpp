// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/least_connections.hpp>

namespace least_connections_test {
using namespace equipoise;

TEST_CASE("least connections: each pick is the least loaded backend for its weight") {
  rng d{6};
  for (int run = 0; run != 20; ++run) {
    std::size_t const n = 1 + random_below(d, 20);
    auto const weights = random_weights(d, n, run % 2 == 0 ? 1 : 5);
    bool const is_even = std::count(weights.begin(), weights.end(), weights[0]) == static_cast<std::ptrdiff_t>(n);
    fleet f{least_connections{}, weighted(weights)};
    std::vector<std::uint64_t> load(n);
    std::vector<lease<server>> held;
    std::size_t next = 0;
    for (int step = 0; step != 1000; ++step) {
      if (!held.empty() && random_below(d, 5) < 2) {
        std::size_t const i = random_below(d, static_cast<std::uint32_t>(held.size()));
        --load[held[i]->number];
        std::swap(held[i], held.back());
        held.pop_back();
        continue;
      }
      std::size_t best = next % n;
      for (std::size_t turn = 0; turn != n; ++turn) {
        std::size_t const i = (next + turn) % n;
        if (load[i] * weights[best] < load[best] * weights[i]) best = i;
      }
      held.push_back(f.picker.acquire());
      std::size_t const got = held.back()->number;
      REQUIRE(load[got] * weights[best] == load[best] * weights[got]);  // as lightly loaded
      if (is_even) REQUIRE(got == best);                                // and in turn
      ++load[got];
      next = got + 1;
    }
    for (std::size_t i = 0; i != n; ++i) CHECK(f.pool.in_flight(f.ids[i]) == load[i]);
  }
}

TEST_CASE("least connections: equals take turns") {
  fleet f{least_connections{}, servers(4)};
  CHECK(f.next(8) == "ABCDABCD");
}

TEST_CASE("least connections: work that is held divides by the weights") {
  fleet f{least_connections{}, weighted({1, 2, 4})};
  std::vector<lease<server>> held;
  for (int i = 0; i != 70; ++i) held.push_back(f.picker.acquire());
  CHECK(f.pool.in_flight(f.ids[0]) == 10);
  CHECK(f.pool.in_flight(f.ids[1]) == 20);
  CHECK(f.pool.in_flight(f.ids[2]) == 40);
}

TEST_CASE("least connections: the greatest weights and loads compare without overflow") {
  fleet f{least_connections{}, weighted({0xFFFFFFFF, 1})};
  std::vector<lease<server>> held;
  for (int i = 0; i != 100; ++i) held.push_back(f.picker.acquire());
  CHECK(f.pool.in_flight(f.ids[1]) == 1);  // its turn while both were idle
  fleet g{least_connections{}, weighted({0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD})};
  std::vector<lease<server>> even;
  for (int i = 0; i != 300; ++i) even.push_back(g.picker.acquire());
  for (auto id : g.ids) CHECK(g.pool.in_flight(id) == 100);
}

TEST_CASE("least connections: a dead backend looks idle and is never picked for it") {
  fleet f{least_connections{}, servers(3)};
  std::vector<lease<server>> held;
  for (int i = 0; i != 6; ++i) held.push_back(f.picker.acquire());
  std::erase_if(held, [](auto const& l) { return l->name == "B"; });
  f.set(1, health_flag::down);
  for (int round = 0; round != 2; ++round) {
    CHECK(f.next(4).find('B') == std::string::npos);
    f.pool.refresh();
  }
}

TEST_CASE("least connections: the least loaded healthy backend is found among many dead") {
  fleet f{least_connections{}, servers(20)};
  std::vector<lease<server>> held;
  for (int i = 0; i != 60; ++i) held.push_back(f.picker.acquire());  // three on each
  for (std::size_t i = 0; i != 17; ++i) f.set(i, health_flag::down);
  std::erase_if(held, [](auto const& l) { return l->number < 17; });
  held.erase(std::find_if(held.begin(), held.end(), [](auto const& l) { return l->number == 18; }));
  for (int i = 0; i != 5; ++i) CHECK(f.picker.select()->number == 18);
}

TEST_CASE("least connections: select_n orders the backends by load") {
  fleet f{least_connections{}, servers(5)};
  std::vector<lease<server>> held;
  std::vector<unsigned> const wanted{3, 0, 4, 1, 2};
  for (std::size_t i = 0; i != 5; ++i) {
    std::vector<backend_id> others;
    for (std::size_t j = 0; j != 5; ++j)
      if (j != i) others.push_back(f.ids[j]);
    for (unsigned k = 0; k != wanted[i]; ++k) held.push_back(f.picker.acquire({.excluded = others}));
  }
  CHECK(select_n(f.picker, 0, 5) == std::vector{f.ids[1], f.ids[3], f.ids[4], f.ids[0], f.ids[2]});
  fleet idle{least_connections{}, servers(5)};
  CHECK(select_n(idle.picker, 0, 5) == idle.ids);
}

TEST_CASE("least connections: counter stripes add up") {
  fleet f{least_connections{}, servers(3), 0, {.counter_stripes = 4}};
  std::vector<picker<server, least_connections>> workers;
  for (int i = 0; i != 4; ++i) workers.push_back(f.lb.make_picker());
  std::vector<lease<server>> held;
  for (int i = 0; i != 30; ++i) held.push_back(workers[static_cast<std::size_t>(i) % 4].acquire());
  for (auto id : f.ids) CHECK(f.pool.in_flight(id) == 10);
  held.clear();
  for (auto id : f.ids) CHECK(f.pool.in_flight(id) == 0);
}

TEST_CASE("least connections: the leases of other workers count in every stripe") {
  fleet f{least_connections{}, servers(3), 0, {.counter_stripes = 3}};
  auto second = f.lb.make_picker(), third = f.lb.make_picker();
  std::vector<lease<server>> held;
  for (int i = 0; i != 5; ++i) {
    held.push_back(second.acquire({.excluded = {f.ids.data() + 1, 2}}));           // on A
    held.push_back(third.acquire({.excluded = std::vector{f.ids[0], f.ids[2]}}));  // on B
  }
  for (auto* p : {&f.picker, &second, &third})
    for (int i = 0; i != 3; ++i) CHECK(name_or_error(p->acquire()) == "C");
}

}  // namespace least_connections_test
