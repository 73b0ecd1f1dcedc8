// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/round_robin.hpp>

namespace round_robin_test {
using namespace equipoise;

TEST_CASE("round robin gives each backend exactly one of every n picks in a row") {
  for (std::size_t n : {1u, 2u, 3u, 7u, 100u, 1000u}) {
    fleet f{round_robin{}, servers(n), 42};
    auto const count = f.shares(5 * n);
    CHECK(count == std::vector<std::size_t>(n, 5));
  }
}

TEST_CASE("round robin with seed 0 starts at the first backend, in the joining order") {
  fleet f{round_robin{}, servers(3)};
  CHECK(f.next(7) == "ABCABCA");
}

TEST_CASE("round robin skips a backend that is down and the others keep their turns") {
  fleet f{round_robin{}, servers(4)};
  f.set(1, health_flag::down);
  CHECK(f.next(6) == "ACDACD");
  f.pool.refresh();
  CHECK(f.shares(6) == std::vector<std::size_t>{2, 0, 2, 2});
  f.clear(1, health_flag::down);
  f.pool.refresh();
  CHECK(f.shares(8) == std::vector<std::size_t>{2, 2, 2, 2});
}

TEST_CASE("round robin works without members and with one member") {
  fleet f{round_robin{}};
  CHECK(f.next(1) == "(empty)");
  f.join(servers(1));
  CHECK(f.next(3) == "AAA");
}

TEST_CASE("round robin workers keep different positions when the list gets shorter") {
  fleet f{round_robin{}, servers(10), 7};
  std::vector<picker<server, round_robin>> workers;
  for (int i = 0; i != 200; ++i) workers.push_back(f.lb.make_picker());
  for (auto& w : workers) w.select();
  for (std::size_t i = 0; i != 6; ++i) f.pool.remove(f.ids[i]);
  std::vector<std::size_t> count(10);
  for (auto& w : workers) ++count[w.select()->number];
  for (std::size_t i = 0; i != 10; ++i) CHECK((i < 6 ? count[i] == 0 : count[i] > 25));
}

}  // namespace round_robin_test
