#include "support.hpp"

#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/round_robin.hpp>

using namespace equipoise;

namespace {
struct only_the_first {
  static constexpr bool finite = true;
  struct table {};
  struct cursor {};
  struct walk {
    bool over = false;
  };
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, walk& w, pick const& k) const noexcept {
    return k.members.empty() || std::exchange(w.over, true) ? nullptr : &k.members[0];
  }
};
}  // namespace

TEST_CASE("balancer.acquire needs no picker: leases are counted, keyed or not, and explain answers too") {
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
  CHECK(f.lb.acquire({.tried = f.ids}).why() == cause::all_tried);

  fleet g{maglev{}, servers(3), 1};
  for (std::uint64_t k = 0; k != 50; ++k) {
    auto const held_g = g.lb.acquire(k);
    CHECK(held_g.id() == g.picker.select(k).id());
    CHECK(g.lb.explain(k).choice == held_g.id());
  }
}

TEST_CASE("balancer.acquire keeps up with membership") {
  fleet f{round_robin{}, servers(1)};
  CHECK(who(f.lb.acquire()) == "A");
  f.pool.assign(std::vector<server>{{"X"}});
  for (int i = 0; i != 20; ++i) CHECK(who(f.lb.acquire()) == "X");
}

TEST_CASE("a balancer may come before the members, after them, and go before the pool") {
  pool<server> pool;
  pool.add({"a"});
  for (int i = 0; i != 10; ++i) {
    balancer early{pool, round_robin{}};
    auto p = early.make_picker();
    CHECK(who(p.select()) == "a");
    balancer late{pool, round_robin{}};
    pool.update(*pool.find("a"), {.weight = 2 + static_cast<std::uint32_t>(i)});
    CHECK(who(late.make_picker().select()) == "a");
  }
  CHECK(pool.size() == 1);
}

TEST_CASE("a balancer without a seed draws one of its own, and tells it so that a run can be repeated") {
  pool<server> pool;
  for (auto const& s : servers(100)) pool.add(s);
  balancer a{pool, round_robin{}}, b{pool, round_robin{}};
  CHECK(a.seed() != 0);
  CHECK(a.seed() != b.seed());
  balancer again{pool, round_robin{}, a.seed()};
  auto p = a.make_picker(), q = again.make_picker();
  for (int i = 0; i != 100; ++i) CHECK(p.select().id() == q.select().id());
}

TEST_CASE("pickers of one balancer begin apart") {
  fleet f{round_robin{}, servers(10), 2};
  std::vector<std::size_t> first(10);
  for (int i = 0; i != 1000; ++i) ++first[f.lb.make_picker().select()->number];
  CHECK(chi_square(first) < 1);
}

TEST_CASE("a balancer whose policy refuses the members is not made, and the pool goes on") {
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

TEST_CASE("a policy of ten lines is a policy: proposals past the end mean everybody once, then nobody") {
  struct first_come {
    struct table {};
    struct cursor {};
    table build(members_view) const { return {}; }
    proposal propose(table const&, cursor&, pick const& k) const noexcept { return k.members.empty() ? nullptr : &k.members[0]; }
  };
  fleet f{first_come{}, servers(4)};
  CHECK(f.next(2) == "AA");
  f.set(0, reason::down);
  CHECK(f.shares(300) == std::vector<std::size_t>{0, 100, 100, 100});
  CHECK(select_n(f.picker, 0, 9).size() == 3);
  CHECK(f.picker.explain().policy == "the policy");
}

TEST_CASE("a finite policy's end is the end") {
  fleet f{only_the_first{}, servers(2)};
  f.set(0, reason::down);
  CHECK(f.next(1) == "(all_down)");
  CHECK(select_n(f.picker, 0, 5).empty());
}
