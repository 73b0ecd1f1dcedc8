// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/max_in_flight.hpp>

#include <algorithm>
#include <set>

namespace policy_driver_test {
using namespace equipoise;

namespace {
// Prefers the members with the smallest numbers, and goes on by itself.
struct smallest_first {
  struct table {
    std::vector<member const*> order;
  };
  struct cursor {};
  struct pick_state {
    std::size_t next = 0;
  };
  bool includes_unhealthy() const noexcept { return true; }
  table build(members_view members) const {
    table t;
    for (member const& m : members) t.order.push_back(&m);
    std::sort(t.order.begin(), t.order.end(),
              [](member const* a, member const* b) { return a->as<server>().number < b->as<server>().number; });
    return t;
  }
  proposal propose(table const& t, cursor&, pick_state& s, pick const&) const noexcept {
    return s.next != t.order.size() ? t.order[s.next++] : nullptr;
  }
};

struct twice : smallest_first {
  static constexpr std::uint32_t tries = 2;
};

// The same members in a shuffled order.
std::vector<server> shuffled(std::size_t n, rng& d) {
  std::vector<server> all = servers(n);
  for (std::size_t i = 0; i != n; ++i) all[i].number = i;
  std::shuffle(all.begin(), all.end(), d);
  return all;
}
}  // namespace

TEST_CASE("policy driver: an order of one's own holds, whatever is down, full or excluded") {
  auto const n = GENERATE(1u, 2u, 10u, 65u, 656u, 5'000u);
  CAPTURE(n);
  rng d{n};
  auto const list = shuffled(n, d);
  fleet f{max_in_flight{smallest_first{}, 1}, list};
  std::vector<backend_id> by_number(n);
  for (std::size_t i = 0; i != n; ++i) by_number[list[i].number] = f.ids[i];
  for (int round = 0; round != 12; ++round) {
    std::vector<bool> out(n);
    std::vector<backend_id> excluded;
    std::vector<lease<server>> held;
    std::uint32_t const most_are_out = round % 3 == 0 ? 20 : 2;
    for (std::size_t i = 0; i != n; ++i) {
      f.pool.clear(by_number[i], health_flag::down);
      if (random_below(d, most_are_out) == 0) continue;
      out[i] = true;
      if (random_below(d, 4) == 0 && excluded.size() < 100)
        excluded.push_back(by_number[i]);
      else
        f.pool.set(by_number[i], health_flag::down);
    }
    for (std::size_t i = 0, taken = 0; i != n && taken != 50; ++i) {
      if (out[i]) continue;
      held.push_back(f.picker.acquire({.excluded = excluded}));  // fills it
      REQUIRE(held.back().id() == by_number[i]);
      ++taken;
    }
    std::size_t const up = n - static_cast<std::size_t>(std::count(out.begin(), out.end(), true));
    if (up <= 50) CHECK(!f.picker.acquire({.excluded = excluded}));
    if (round % 2 == 0) f.pool.refresh();
  }
}

TEST_CASE("policy driver: the number of tries that a policy states bounds it") {
  STATIC_REQUIRE(detail::is_asked_to_its_end<smallest_first>());
  STATIC_REQUIRE(!detail::is_asked_to_its_end<twice>());
  fleet f{twice{}, servers(40)};
  std::set<backend_id> seen;
  for (std::size_t i = 0; i != 2; ++i) f.set(i, health_flag::down);
  for (int i = 0; i != 2'000; ++i) seen.insert(f.picker.select().id());
  CHECK(seen.size() == 38);  // the scan draws among all others
}

}  // namespace policy_driver_test
