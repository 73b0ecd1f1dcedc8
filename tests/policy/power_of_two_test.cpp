// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/weighted_random.hpp>

namespace power_of_two_test {
using namespace equipoise;

namespace {
// Puts `load` leases on the i-th backend.
template <class P>
void put(fleet<P>& f, std::vector<lease<server>>& held, std::size_t i, unsigned load) {
  std::vector<backend_id> others;
  for (std::size_t j = 0; j != f.ids.size(); ++j)
    if (j != i) others.push_back(f.ids[j]);
  while (load-- != 0) held.push_back(f.picker.acquire({.excluded = others}));
}
}  // namespace

TEST_CASE("power of two never picks the more loaded of two") {
  rng d{7};
  for (int run = 0; run != 20; ++run) {
    std::size_t const n = 2 + random_below(d, 8);
    fleet f{power_of_two{}, servers(n), static_cast<std::uint64_t>(run) + 1};
    std::vector<lease<server>> held;
    std::size_t const busiest = random_below(d, static_cast<std::uint32_t>(n));
    put(f, held, busiest, 3);  // two different ones are compared, so the other one is idle
    for (int i = 0; i != 500; ++i) REQUIRE(f.picker.select()->number != busiest);
  }
}

TEST_CASE("power of two: the chosen backend has the smaller load that explain reports") {
  rng d{8};
  for (int run = 0; run != 50; ++run) {
    fleet f{power_of_two{}, weighted(random_weights(d, 6, 4)), static_cast<std::uint64_t>(run) + 1};
    std::vector<lease<server>> held;
    for (std::size_t i = 0; i != 6; ++i) put(f, held, i, random_below(d, 5));
    for (int i = 0; i != 50; ++i) {
      auto const e = f.picker.explain();
      double chosen = -1, least = 1e9;
      std::size_t compared = 0;
      for (auto const& row : e.rows)
        for (auto const& [name, value] : row.numbers)
          if (name == "load") {
            ++compared;
            least = std::min(least, value);
            if (row.verdict == "chosen") chosen = value;
          }
      CHECK(compared == 2);
      CHECK(chosen == least);
      f.picker.select();
    }
  }
}

TEST_CASE("power of two: idle backends get shares by weight") {
  fleet f{power_of_two{}, weighted({1, 2, 4, 8}), 11};
  CHECK(chi_square(f.shares(200'000), {1, 2, 4, 8}) < 1);
}

TEST_CASE("power of two: busy backends get shares by weight within 5 %") {
  rng d{9};
  fleet f{power_of_two{}, weighted({1, 2, 4, 8}), 12};
  std::vector<lease<server>> held;
  std::vector<double> count(4);
  for (int i = 0; i != 50'000; ++i) {
    if (held.size() == 100) std::swap(held[random_below(d, 100)], held.back()), held.pop_back();
    held.push_back(f.picker.acquire());
    ++count[held.back()->number];
  }
  for (std::size_t i = 0; i != 4; ++i) CHECK(count[i] == Approx(50'000 / 15.0 * (1u << i)).epsilon(0.05));
}

TEST_CASE("power of two with equal weights is the unweighted form, pick for pick") {
  fleet f{power_of_two{}, weighted({9, 9, 9, 9, 9}), 13};
  fleet g{power_of_two{}, servers(5), 13};
  std::vector<lease<server>> a, b;
  for (int i = 0; i != 500; ++i) {
    a.push_back(f.picker.acquire());
    b.push_back(g.picker.acquire());
    REQUIRE(a.back()->number == b.back()->number);
  }
}

TEST_CASE("power of two spreads held work far more evenly than chance") {
  fleet f{power_of_two{}, servers(100), 14};
  std::vector<lease<server>> held;
  for (int i = 0; i != 10'000; ++i) held.push_back(f.picker.acquire());
  std::uint32_t most = 0;
  for (auto id : f.ids) most = std::max(most, f.pool.in_flight(id));
  CHECK(most <= 104);  // random picks would give about 125
}

TEST_CASE("power of two: a dead backend gets no traffic, and the others stay even") {
  fleet f{power_of_two{}, servers(5), 15};
  f.set(2, health_flag::down);
  for (int round = 0; round != 2; ++round) {
    auto count = f.shares(100'000);
    CHECK(count[2] == 0);
    count.erase(count.begin() + 2);
    CHECK(chi_square(count) < 1);
    f.pool.refresh();
  }
}

TEST_CASE("power of two: after a refusal a dead backend is not compared again") {
  fleet f{power_of_two{}, servers(3), 18};
  std::vector<lease<server>> held;
  put(f, held, 1, 5);
  f.set(0, health_flag::down);
  // A is idle and wins half of the first draws. Then two independent draws decide: B gets those that name no C, three
  // of the eight that do not name A twice.
  CHECK(f.shares(60'000)[1] == Approx(11'250).epsilon(0.05));
}

TEST_CASE("power of two: an excluded backend is not compared after its refusal") {
  fleet f{power_of_two{}, servers(3), 18};
  std::vector<lease<server>> held;
  put(f, held, 1, 5);
  CHECK(f.shares(60'000, {.excluded = {&f.ids[0], 1}})[1] == Approx(11'250).epsilon(0.05));  // as when A is dead
}

TEST_CASE("power of two: one member gets everything, and two members are compared") {
  fleet f{power_of_two{}, servers(1), 16};
  CHECK(f.next(3) == "AAA");
  fleet g{power_of_two{}, servers(2), 16};
  std::vector<lease<server>> held;
  put(g, held, 0, 1);
  CHECK(g.next(5) == "BBBBB");
  for (std::uint32_t light : {1u, 2u, 999'999u}) {
    fleet h{power_of_two{}, weighted({1'000'000, light}), 16};
    std::vector<lease<server>> one;
    put(h, one, 0, 1);
    CHECK(h.next(50) == std::string(50, 'B'));
  }
}

TEST_CASE("power of two: more choices than two find the idle backend more often") {
  auto const hits = [](std::uint32_t choices) {
    fleet f{power_of_two{choices}, servers(10), 17};
    std::vector<lease<server>> held;
    for (std::size_t i = 1; i != 10; ++i) put(f, held, i, 1);
    return f.shares(20'000)[0];
  };
  auto const two = hits(2), ten = hits(10);
  CHECK(two == Approx(4'000).epsilon(0.1));  // 1 − 9/10 · 8/9
  CHECK(ten == Approx(20'000 * (1 - 0.8 * std::pow(0.9, 8))).epsilon(0.02));
}

TEST_CASE("power of two refuses choices outside 2 … 10, naming field and value") {
  pool<server> pool;
  using lb = balancer<server, power_of_two>;
  for (std::uint32_t good : {2u, 10u}) CHECK_NOTHROW(lb(pool, power_of_two{good}, 0));
  for (std::uint32_t bad : {0u, 1u, 11u, 0xFFFFFFFFu})
    CHECK_THROWS_WITH(lb(pool, power_of_two{bad}, 0),
                      Catch::Matchers::ContainsSubstring("choices " + std::to_string(bad)));
}

}  // namespace power_of_two_test
