// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace balancer_test {
using namespace equipoise;

namespace {
struct only_the_first {
  static constexpr bool finite = true;
  struct table {};
  struct cursor {};
  struct pick_state {
    bool over = false;
  };
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick_state& w, pick const& k) const noexcept {
    return k.members.empty() || std::exchange(w.over, true) ? nullptr : &k.members[0];
  }
};

struct owner_only {
  using key_type = std::uint64_t;
  static constexpr std::uint32_t tries = 1;
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k, key_type const& key) const noexcept {
    return k.members.empty() ? nullptr : &k.members[key % k.members.size()];
  }
};

// Records the members that it was built from.
template <class Key>
struct build_recorder {
  using key_type = Key;
  struct table {};
  struct cursor {};
  std::string *proposed, *all;
  table build(members_view members) const {
    proposed->clear(), all->clear();
    for (auto const& m : members) *proposed += m.key();
    for (auto const& m : members.all_members()) *all += m.key();
    return {};
  }
  proposal propose(table const&, cursor&, pick const&, Key const&) const noexcept { return nullptr; }
};
}  // namespace

TEST_CASE("balancer: keyed policies build from all weighted members, others from healthy") {
  rng d{41};
  pool<server> pool;
  std::string unkeyed, keyed, all, same;
  balancer a{pool, build_recorder<no_key>{&unkeyed, &all}, 0};
  balancer b{pool, build_recorder<hashed_key>{&keyed, &same}, 0};
  std::vector<backend_id> ids;
  for (auto const& s : servers(4)) ids.push_back(pool.add(s));
  for (int step = 0; step != 1000; ++step) {
    auto const id = ids[random_below(d, 4)];
    switch (random_below(d, 3)) {
      case 0:
        pool.set(id, random_below(d, 2) == 0 ? health_flag::down : health_flag::saturated);
        break;
      case 1:
        pool.clear(id, health_flag::down | health_flag::saturated);
        break;
      default:
        pool.update(id, {.weight = random_below(d, 3)});
    }
    pool.refresh();
    std::string placed, healthy;
    pool.for_each([&](backend_id, server const& s, attributes const& attrs, health_flag against) {
      if (attrs.weight != 0) placed += s.name;
      if (against == health_flag::none) healthy += s.name;
    });
    REQUIRE(keyed == placed);
    REQUIRE(unkeyed == (healthy.empty() ? placed : healthy));
    REQUIRE(all == "ABCD");
    REQUIRE(same == "ABCD");
  }
}

TEST_CASE("balancer.acquire and balancer.explain need no picker, with and without a key") {
  fleet f{round_robin{}, servers(3), 1};
  std::vector<lease<server>> held;
  for (int i = 0; i != 300; ++i) held.push_back(f.lb.acquire());
  std::uint32_t sum = 0;
  for (auto id : f.ids) {
    CHECK(f.pool.in_flight(id) >= 95);
    sum += f.pool.in_flight(id);
  }
  CHECK(sum == 300);
  CHECK(f.lb.explain().choice);
  CHECK(f.lb.acquire({.excluded = f.ids}).error() == pick_error::all_excluded);

  fleet g{maglev{}, servers(3), 1};
  for (std::uint64_t k = 0; k != 50; ++k) {
    auto const held_g = g.lb.acquire(k);
    CHECK(held_g.id() == g.picker.select(k).id());
    CHECK(g.lb.explain(k).choice == held_g.id());
  }
}

TEST_CASE("balancer.acquire sees every change of membership") {
  fleet f{round_robin{}, servers(1)};
  CHECK(name_or_error(f.lb.acquire()) == "A");
  f.pool.assign(std::vector<server>{{"X"}});
  for (int i = 0; i != 20; ++i) CHECK(name_or_error(f.lb.acquire()) == "X");
}

TEST_CASE("balancer: it can be made before or after the members and end before the pool") {
  pool<server> pool;
  pool.add({"a"});
  for (int i = 0; i != 10; ++i) {
    balancer early{pool, round_robin{}};
    auto p = early.make_picker();
    CHECK(name_or_error(p.select()) == "a");
    balancer late{pool, round_robin{}};
    pool.update(pool.find("a"), {.weight = 2 + static_cast<std::uint32_t>(i)});
    CHECK(name_or_error(late.make_picker().select()) == "a");
  }
  CHECK(pool.size() == 1);
}

TEST_CASE("balancer: it cannot be copied or moved") {
  using lb = balancer<server, round_robin>;
  STATIC_REQUIRE(!std::is_copy_constructible_v<lb>);
  STATIC_REQUIRE(!std::is_copy_assignable_v<lb>);
  STATIC_REQUIRE(!std::is_move_constructible_v<lb>);
  STATIC_REQUIRE(!std::is_move_assignable_v<lb>);
}

TEST_CASE("balancer: without a seed it draws one and returns it, so a run can be repeated") {
  pool<server> pool;
  for (auto const& s : servers(100)) pool.add(s);
  balancer a{pool, round_robin{}}, b{pool, round_robin{}};
  CHECK(a.seed() != 0);
  CHECK(a.seed() != b.seed());
  balancer again{pool, round_robin{}, a.seed()};
  auto p = a.make_picker(), q = again.make_picker();
  for (int i = 0; i != 100; ++i) CHECK(p.select().id() == q.select().id());
}

TEST_CASE("balancer: its pickers begin at different members") {
  fleet f{round_robin{}, servers(10), 2};
  std::vector<std::size_t> first(10);
  for (int i = 0; i != 1000; ++i) ++first[f.lb.make_picker().select()->number];
  CHECK(chi_square(first) < 1);
}

TEST_CASE("balancer: if its policy refuses the members it is not made, and the pool goes on") {
  struct picky {
    struct table {};
    struct cursor {};
    table build(members_view all) const {
      if (!all.empty()) fail("no members, please");
      return {};
    }
    proposal propose(table const&, cursor&, pick const&) const noexcept { return nullptr; }
  };
  fleet f{round_robin{}, servers(2)};
  using lb = balancer<server, picky>;
  CHECK_THROWS_WITH(lb(f.pool, picky{}, 0), Catch::Matchers::Equals("no members, please"));
  f.join({{"C", 1, 0, "", 2}});
  CHECK(f.next(3) == "ABC");
}

TEST_CASE("balancer: after a ten-line policy's own proposals a member is drawn by weight") {
  struct first_come {
    struct table {};
    struct cursor {};
    table build(members_view) const { return {}; }
    proposal propose(table const&, cursor&, pick const& k) const noexcept {
      return k.members.empty() ? nullptr : &k.members[0];
    }
  };
  fleet f{first_come{}, weighted({1, 3, 1, 2})};
  CHECK(f.next(2) == "AA");
  f.set(0, health_flag::down);
  auto const count = f.shares(3000);
  CHECK(count[0] == 0);
  CHECK(chi_square({count[1], count[2], count[3]}, {3, 1, 2}) < 1);
  CHECK(select_n(f.picker, 0, 9).size() == 3);
  CHECK(f.picker.explain().policy == "the policy");
}

TEST_CASE("balancer: the scan of a keyed policy proposes each member once, by the key") {
  fleet f{owner_only{}, servers(7)};
  std::vector<std::size_t> second(7);
  for (std::uint64_t key = 0; key != 700; ++key) {
    auto order = select_n(f.picker, key, 9);
    REQUIRE(order == select_n(f.picker, key, 9));
    REQUIRE(order[0] == f.ids[key % 7]);
    for (std::size_t i = 0; i != 7; ++i) second[i] += order[1] == f.ids[i];
    std::sort(order.begin(), order.end());
    REQUIRE(std::adjacent_find(order.begin(), order.end()) == order.end());
    REQUIRE(order.size() == 7);
  }
  CHECK(chi_square(second) < 2);
}

TEST_CASE("balancer.acquire: failed constructions of a cursor leak no picker") {
  struct fragile {
    struct table {};
    struct cursor {};
    bool* broken;
    table build(members_view) const { return {}; }
    cursor make_cursor() const {
      if (*broken) fail("no cursor");
      return {};
    }
    proposal propose(table const&, cursor&, pick const& k) const noexcept {
      return k.members.empty() ? nullptr : &k.members[0];
    }
  };
  bool broken = false;
  fleet f{fragile{&broken}, servers(1)};
  broken = true;
  for (int i = 0; i != 20; ++i) CHECK_THROWS_WITH(f.lb.acquire(), Catch::Matchers::Equals("no cursor"));
  broken = false;
  CHECK(name_or_error(f.lb.acquire()) == "A");
}

TEST_CASE("balancer: a finite policy ends the pick without a scan") {
  fleet f{only_the_first{}, servers(2)};
  f.set(0, health_flag::down);
  CHECK(f.next(1) == "(all_down)");
  CHECK(select_n(f.picker, 0, 5).empty());
}

}  // namespace balancer_test
