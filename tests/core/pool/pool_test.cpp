// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/round_robin.hpp>

#include <map>

namespace pool_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
// Everything that for_each() shows of a pool. Checks that find() agrees.
std::string contents_of(pool<server> const& p) {
  std::string text;
  std::vector<std::pair<std::string, backend_id>> ids;
  p.for_each([&](backend_id id, server const& s, attributes const& a, health_flag against) {
    ids.emplace_back(s.name, id);
    text += to_string(id) + "=" + s.name + "*" + std::to_string(a.weight) + "@" + std::to_string(a.priority) + a.zone +
            ":" + to_string(against) + " ";
  });
  for (auto const& [key, id] : ids) CHECK(p.find(key) == id);
  return text;
}

// A policy that counts its builds, and refuses them while `refuse` is set: by what it says, or by a failure.
struct builder {
  struct counters {
    int builds = 0;
    bool refuse = false, fails = false;
  };
  struct table {};
  struct cursor {
    std::size_t next = 0;
  };
  counters* count;
  table build(members_view members) const {
    if (count->refuse && count->fails) fail("this build is refused");
    if (count->refuse) return members.refuse("this build is refused"), members.refuse("only the first counts"), table{};
    ++count->builds;
    return {};
  }
  proposal propose(table const&, cursor& c, pick const& k) const noexcept {
    return k.members.empty() ? nullptr : &k.members[c.next++ % k.members.size()];
  }
};
}  // namespace

TEST_CASE("pool: it cannot be copied or moved") {
  STATIC_REQUIRE(!std::is_copy_constructible_v<pool<server>>);
  STATIC_REQUIRE(!std::is_copy_assignable_v<pool<server>>);
  STATIC_REQUIRE(!std::is_move_constructible_v<pool<server>>);
  STATIC_REQUIRE(!std::is_move_assignable_v<pool<server>>);
}

TEST_CASE("pool: find finds members by key, and for_each visits them in joining order") {
  pool<server> pool;
  CHECK(pool.size() == 0);
  auto const a = pool.add({"a", 1}), b = pool.add({"b", 2, 3, "east"}), c = pool.add({"c"}, {7, 1, "west"});
  CHECK(pool.size() == 3);
  CHECK(contents_of(pool) ==
        to_string(a) + "=a*1@0:up " + to_string(b) + "=b*2@3east:up " + to_string(c) + "=c*7@1west:up ");
  CHECK(!pool.find("d"));
  CHECK(!pool.find(""));
  CHECK(pool.remove(b));
  CHECK(!pool.remove(b));
  CHECK(contents_of(pool) == to_string(a) + "=a*1@0:up " + to_string(c) + "=c*7@1west:up ");
  auto const again = pool.add({"b"});
  CHECK(again != b);
}

TEST_CASE("pool: an empty or known key is refused and changes nothing") {
  fleet f{round_robin{}, servers(3)};
  auto const before = contents_of(f.pool);
  CHECK_THROWS_WITH(f.pool.add({""}), ContainsSubstring("key is empty"));
  CHECK_THROWS_WITH(f.pool.add({"B"}), ContainsSubstring("'B'"));
  CHECK_THROWS_WITH(f.pool.assign(std::vector<server>{{"X"}, {"Y"}, {"X"}}), ContainsSubstring("'X' is listed twice"));
  CHECK_THROWS_WITH(f.pool.assign(std::vector<server>{{"X"}, {""}}), ContainsSubstring("key is empty"));
  CHECK(contents_of(f.pool) == before);
  CHECK(f.next(3) == "ABC");
}

TEST_CASE("pool: each changed attribute publishes once, and the same value again does not") {
  builder::counters count;
  fleet f{builder{&count}, servers(1)};
  attributes wanted;
  auto const updates = [&] {
    int const before = count.builds;
    attribute_changes const all{wanted.weight, wanted.priority, wanted.zone};
    CHECK(f.pool.update(f.ids[0], all));
    CHECK(count.builds == before + 1);
    CHECK(f.pool.update(f.ids[0], all));
    CHECK(count.builds == before + 1);
    f.pool.for_each([&](backend_id, server const&, attributes const& a, health_flag) { CHECK(a == wanted); });
  };
  wanted.weight = 2, updates();
  wanted.priority = 1, updates();
  wanted.zone = "east", updates();
  wanted.weight = 0, updates();
}

TEST_CASE("pool: update changes what is named and nothing else, and visit shows it") {
  using Catch::Matchers::ContainsSubstring;
  pool<server> p;
  auto const a = p.add({"a"}, {.weight = 2, .priority = 1, .zone = "east"});
  auto const now = [&] {
    attributes found;
    CHECK(p.visit(a, [&](server const& s, attributes const& given, health_flag) {
      CHECK(s.name == "a");
      found = given;
    }));
    return found;
  };
  CHECK(p.update(a, {.weight = 8}));
  CHECK(now() == attributes{8, 1, "east"});
  CHECK(p.update(a, {.priority = 3}));
  CHECK(now() == attributes{8, 3, "east"});
  CHECK(p.update(a, {.zone = ""}));
  CHECK(now() == attributes{8, 3, ""});
  CHECK(p.update(a, {.weight = 0, .zone = "west"}));
  CHECK(now() == attributes{0, 3, "west"});
  CHECK(p.update(a, {}));
  CHECK(now() == attributes{0, 3, "west"});
  CHECK_THROWS_WITH(p.update(a, {.weight = -1}), ContainsSubstring("weight -1 of backend 'a' is outside 0 …"));
  CHECK_THROWS_WITH(p.update(a, {.weight = 7, .priority = 65'536}), ContainsSubstring("priority 65536 of backend 'a'"));
  CHECK(now() == attributes{0, 3, "west"});
  CHECK(p.update(a, {.weight = 1}));
  CHECK(p.set(a, health_flag::down));
  CHECK(p.visit(a, [](auto const&, auto const&, health_flag health) { CHECK(health == health_flag::down); }));
  CHECK(p.remove(a));
  CHECK(!p.visit(a, [](auto&&...) { CHECK(false); }));
  CHECK(!p.visit({}, [](auto&&...) { CHECK(false); }));
}

TEST_CASE("pool: many changes are one publish, and an empty change publishes nothing") {
  builder::counters count;
  fleet f{builder{&count}};
  int const before = count.builds;
  auto const ids = f.pool.change([](auto& transaction) {
    auto const a = transaction.add({"a"}), b = transaction.add({"b"}), c = transaction.add({"c"});
    transaction.remove(b);
    transaction.update(c, {.weight = 5});
    transaction.add({"b"});
    CHECK(transaction.size() == 3);
    return std::vector{a, b, c};
  });
  CHECK(count.builds == before + 1);
  CHECK(f.pool.size() == 3);
  CHECK(f.pool.find("a") == ids[0]);
  CHECK(f.pool.find("b") != ids[1]);
  CHECK(f.pool.health(ids[1]) == health_flag::removed);
  CHECK(f.pool.update(ids[0], {}));
  CHECK(!f.pool.remove(ids[1]));
  f.pool.change([](auto&) {});
  f.pool.refresh();
  CHECK(count.builds == before + 1);
}

TEST_CASE("pool: refresh publishes once after any number of health changes") {
  builder::counters count;
  fleet f{builder{&count}, servers(3)};
  int const before = count.builds;
  f.set(0, health_flag::down);
  f.set(1, health_flag::down);
  f.clear(1, health_flag::down);
  CHECK(count.builds == before);
  f.pool.refresh();
  f.pool.refresh();
  CHECK(count.builds == before + 1);
  f.set(0, health_flag::down);  // it is down already
  f.pool.refresh();
  CHECK(count.builds == before + 1);
}

TEST_CASE("pool: a refused build changes nothing, and the next change works") {
  for (auto const& [second, fails] : {std::pair{false, false}, {true, false}, {false, true}, {true, true}}) {
    if (fails && !EQUIPOISE_EXCEPTIONS) continue;  // it would end the program
    builder::counters good, bad;
    bad.fails = fails;
    pool<server> pool{{.capacity = 8}};
    balancer one{pool, builder{second ? &good : &bad}, 0}, two{pool, builder{second ? &bad : &good}, 0};
    auto picker_one = one.make_picker(), picker_two = two.make_picker();
    std::vector<backend_id> ids;
    pool.change([&](auto& transaction) {
      for (auto const& s : servers(4)) ids.push_back(transaction.add(s));
    });
    pool.update(ids[1], {.weight = 0});
    auto const before = contents_of(pool);
    auto const waiting = pool.waiting();
    bad.refuse = true;
    CHECK_THROWS_WITH(pool.add({"new"}), ContainsSubstring("refused"));
    CHECK_THROWS_WITH(pool.remove(ids[0]), ContainsSubstring("refused"));
    CHECK_THROWS_WITH(pool.update(ids[0], {.weight = 9}), ContainsSubstring("refused"));
    CHECK_THROWS_WITH(pool.update(ids[0], {.weight = 0}), ContainsSubstring("refused"));
    CHECK_THROWS_WITH(pool.update(ids[1], {.weight = 1}), ContainsSubstring("refused"));
    CHECK_THROWS_WITH(pool.assign(std::vector<server>{{"A", 3}, {"x"}, {"B", 1, 0, "other"}, {"y"}}),
                      ContainsSubstring("refused"));
    CHECK(pool.try_add({"new"}).error() == "this build is refused");
    CHECK(pool.try_remove(ids[0]).error() == "this build is refused");
    CHECK(pool.try_assign(std::vector<server>{{"A", 3}, {"x"}}).error() == "this build is refused");
    CHECK_THROWS_WITH((balancer{pool, builder{&bad}}), ContainsSubstring("refused"));
    CHECK(contents_of(pool) == before);
    CHECK(pool.size() == 4);
    CHECK(!pool.find("new"));
    CHECK(!pool.find("x"));
    CHECK(pool.health(ids[0]) == health_flag::none);
    CHECK(pool.health(ids[1]) == health_flag::zero_weight);
    CHECK(pool.waiting().slots == waiting.slots);
    CHECK(pool.waiting().records == waiting.records);
    for (auto* p : {&picker_one, &picker_two})
      for (int i = 0; i != 6; ++i) CHECK(name_or_error(p->select()).find_first_not_of("ACD") == std::string::npos);

    bad.refuse = false;
    auto const x = pool.add({"x"}), y = pool.add({"y"}), v = pool.add({"v"}), w = pool.add({"w"});  // no slot was lost
    CHECK(x != y);
    CHECK_THROWS_WITH(pool.add({"z"}), ContainsSubstring("capacity 8"));
    CHECK(pool.remove(v));
    CHECK(pool.remove(w));
    CHECK(pool.remove(ids[0]));
    CHECK(pool.update(ids[1], {.weight = 1}));
    CHECK(pool.find("x") == x);
    std::string names;
    for (int i = 0; i != 5; ++i) names += name_or_error(picker_two.select());
    for (char c : {'B', 'C', 'D', 'x', 'y'}) CHECK(names.find(c) != std::string::npos);
  }
}

TEST_CASE("pool: a change that fails half-way is undone as a whole") {
  fleet f{round_robin{}, servers(5), 0, {.capacity = 7}};
  auto const before = contents_of(f.pool);
  rng d{28};
  for (int run = 0; run != 1100; ++run) {  // more often than there are slots
    std::vector<backend_id> void_ids;
    auto const half = [&](auto& transaction) {
      std::vector<backend_id> now = f.ids;
      for (int step = 0; step != 8; ++step) {
        switch (random_below(d, 3)) {
          case 0:
            transaction.remove(now[random_below(d, static_cast<std::uint32_t>(now.size()))]);
            break;
          case 1:
            transaction.update(now[random_below(d, static_cast<std::uint32_t>(now.size()))],
                               {.weight = random_below(d, 3)});
            break;
          default:
            if (transaction.size() < 6 && step < 2) {
              void_ids.push_back(transaction.add({"new-" + std::to_string(step)}));
              now.push_back(void_ids.back());
            }
        }
      }
      transaction.remove(f.ids[2]);
      void_ids.push_back(transaction.add({"C"}));  // the key of the member that leaves
      fail("half-way");
    };
    CHECK_THROWS_WITH(f.pool.change(half), ContainsSubstring("half-way") || ContainsSubstring("capacity"));
    for (auto id : void_ids)
      CHECK((!f.pool.remove(id) && !f.pool.update(id, {}) && f.pool.health(id) == health_flag::removed));
  }
#if defined(__cpp_exceptions)
  CHECK(contents_of(f.pool) == before);
  CHECK(f.next(5) == "ABCDE");
  CHECK_NOTHROW(f.pool.add({"x"}));
  CHECK_NOTHROW(f.pool.add({"y"}));
#endif
}

TEST_CASE("pool: a removed, forged or default id is refused everywhere") {
  fleet f{round_robin{}, servers(3), 0, {.observations = true}};
  auto const gone = f.ids[1];
  f.pool.remove(gone);
  f.pool.add({"successor"});
  std::uint64_t stale = 0;
  for (backend_id bad :
       {gone, backend_id{}, backend_id{f.ids[0].slot, f.ids[0].tag | 1},
        backend_id{f.ids[0].slot, f.ids[0].tag + detail::one_generation},
        backend_id{0xFFFFFFFF, detail::one_generation}, backend_id{700, detail::one_generation}, backend_id{0, 0}}) {
    CAPTURE(bad);
    auto const before = contents_of(f.pool);
    CHECK(!f.pool.set(bad, health_flag::down));
    CHECK(!f.pool.clear(bad, health_flag::down));
    CHECK(f.pool.stale_reports() == (stale += 2));
    CHECK(f.pool.health(bad) == health_flag::removed);
    CHECK(f.pool.in_flight(bad) == 0);
    CHECK((f.pool.observed(bad) == nullptr || bad == gone));  // a removed backend keeps them until its slot is reused
    CHECK(!f.pool.remove(bad));
    CHECK(!f.pool.update(bad, {.weight = 9}));
    CHECK(contents_of(f.pool) == before);
  }
  CHECK(f.pool.observed(f.ids[0]) != nullptr);
  CHECK(name_or_error(f.picker.select({.excluded = std::vector{gone, backend_id{}}, .session = gone})) == "A");
}

TEST_CASE("pool: an id has no load and no observations if its slot has a new owner") {
  fleet f{round_robin{}, servers(1), 0, {.capacity = 1, .observations = true}};
  auto const old = f.ids[0];
  f.pool.remove(old);
  auto const next = f.pool.add({"next"});
  REQUIRE(next.slot == old.slot);
  auto const held = f.picker.acquire();
  CHECK(f.pool.in_flight(next) == 1);
  CHECK(f.pool.in_flight(old) == 0);
  CHECK(f.pool.observed(old) == nullptr);
}

TEST_CASE("pool: capacity counts the slots that wait for leases, and errors name it") {
  fleet f{round_robin{}, servers(2), 0, {.capacity = 2}};
  CHECK_THROWS_WITH(f.pool.add({"c"}), ContainsSubstring("capacity 2") && ContainsSubstring("2 members"));
  auto held = f.picker.acquire();
  f.pool.remove(held.id());
  CHECK_THROWS_WITH(f.pool.add({"c"}), ContainsSubstring("1 slots wait"));
  held.finish(outcome::ok);
  f.pool.refresh();
  CHECK_NOTHROW(f.pool.add({"c"}));
  CHECK_THROWS_WITH(pool<server>(pool_options{.capacity = 0}), ContainsSubstring("capacity 0"));
  CHECK_THROWS_WITH(pool<server>(pool_options{.capacity = (1u << 28) + 1}), ContainsSubstring("capacity 268435457"));
  CHECK_THROWS_WITH(pool<server>(pool_options{.counter_stripes = 0}), ContainsSubstring("counter_stripes 0"));
  CHECK_THROWS_WITH(pool<server>(pool_options{.counter_stripes = 1025}), ContainsSubstring("counter_stripes 1025"));
  CHECK_THROWS_WITH(pool<server>(pool_options{.joins_with = health_flag::removed | health_flag::down}),
                    ContainsSubstring("joins_with removed+down"));
  CHECK_NOTHROW(pool<server>(pool_options{.capacity = 1, .counter_stripes = 1024}));
}

TEST_CASE("pool: joins_with is set before any pick can have a newcomer") {
  for (auto const flags : {health_flag::down, health_flag::maintenance | health_flag::user_1}) {
    fleet f{round_robin{}, servers(1), 0, {.joins_with = flags}};
    CHECK(f.pool.health(f.ids[0]) == flags);
    CHECK(f.picker.select().error() == pick_error::all_down);
    f.pool.clear(f.ids[0], flags);
    auto const b = f.pool.add({"b"}), idle = f.pool.add({"idle"}, {.weight = 0});
    CHECK(f.pool.health(b) == flags);
    CHECK(f.pool.health(idle) == (flags | health_flag::zero_weight));
    for (int i = 0; i != 4; ++i) CHECK(f.picker.select().id() == f.ids[0]);
    f.pool.refresh();  // the tables leave the newcomer out
    for (int i = 0; i != 4; ++i) CHECK(f.picker.select().id() == f.ids[0]);
    f.pool.clear(b, flags);
    f.pool.refresh();
    CHECK(f.picker.select().id() != f.picker.select().id());

    f.pool.assign(std::vector<server>{{"b"}, {"A"}});  // known keys keep their health
    CHECK(f.pool.health(b) == health_flag::none);
    f.pool.assign(std::vector<server>{{"b", 2}}, {.rejoin_changed = true});
    CHECK(f.pool.health(f.pool.find("b")) == flags);
  }
}

TEST_CASE("pool: an assign may have flags of its own against those that join") {
  fleet f{round_robin{}, servers(1), 0, {.joins_with = health_flag::user_1}};
  f.pool.clear(f.ids[0], health_flag::user_1);
  f.pool.assign(std::vector<server>{{"A"}, {"b"}}, {.joins_with = health_flag::down});
  CHECK(f.pool.health(f.ids[0]) == health_flag::none);
  auto const b = f.pool.find("b");
  CHECK(f.pool.health(b) == (health_flag::down | health_flag::user_1));
  for (int i = 0; i != 4; ++i) CHECK(f.picker.select().id() == f.ids[0]);
  f.pool.assign(std::vector<server>{{"A"}, {"b", 2}}, {.rejoin_changed = true, .joins_with = health_flag::draining});
  CHECK(f.pool.health(f.pool.find("b")) == (health_flag::draining | health_flag::user_1));
  f.pool.assign(std::vector<server>{{"A"}, {"c"}});
  CHECK(f.pool.health(f.pool.find("c")) == health_flag::user_1);

  CHECK_THROWS_WITH(f.pool.assign(servers(3), {.joins_with = health_flag::zero_weight}),
                    ContainsSubstring("assign_options::joins_with zero_weight has a flag that is the pool's own"));
  CHECK(f.pool.size() == 2);
}

TEST_CASE("pool: a refresh after an unhealthy newcomer builds the tables without it, once") {
  builder::counters count;
  fleet f{builder{&count}, servers(1), 0, {.joins_with = health_flag::down}};
  f.pool.clear(f.ids[0], health_flag::down);
  f.pool.refresh();
  f.pool.add({"b"});
  int const builds = count.builds;
  f.pool.refresh();
  CHECK(count.builds == builds + 1);
  f.pool.refresh();
  CHECK(count.builds == builds + 1);
}

TEST_CASE("pool: a slot is reused with a new id after the last lease of its owner ended") {
  fleet f{round_robin{}, servers(1), 0, {.capacity = 2}};
  auto held = f.picker.acquire();
  f.pool.remove(f.ids[0]);
  for (int i = 0; i != 20; ++i) {
    auto const b = f.pool.add({"b"});
    CHECK(b.slot != f.ids[0].slot);
    f.pool.remove(b);
  }
  CHECK(f.pool.in_flight(f.ids[0]) == 1);
  CHECK(held->name == "A");
  held = {};
  f.pool.refresh();
  std::vector<backend_id> const now{f.pool.add({"x"}), f.pool.add({"y"})};
  CHECK((now[0].slot == f.ids[0].slot || now[1].slot == f.ids[0].slot));
  CHECK(std::find(now.begin(), now.end(), f.ids[0]) == now.end());
}

TEST_CASE("pool: weight 0 stops new work, and only a new weight clears zero_weight") {
  fleet f{round_robin{}, servers(3)};
  CHECK(f.pool.update(f.ids[1], {.weight = 0}));
  CHECK(f.pool.health(f.ids[1]) == health_flag::zero_weight);
  CHECK(f.next(4) == "ACAC");
  CHECK(!f.pool.clear(f.ids[1], health_flag::zero_weight));
  CHECK(!f.pool.set(f.ids[0], health_flag::zero_weight));
  CHECK(!f.pool.set(f.ids[0], health_flag::removed | health_flag::down));
  CHECK(!f.pool.clear(f.ids[0], health_flag::removed));
  CHECK(f.pool.health(f.ids[0]) == health_flag::none);
  CHECK(f.pool.update(f.ids[1], {.weight = 1}));
  CHECK(f.pool.health(f.ids[1]) == health_flag::none);
  CHECK(f.shares(6) == std::vector<std::size_t>{2, 2, 2});
}

TEST_CASE("pool: if all weights are 0 the error is all_down") {
  fleet f{round_robin{}, weighted({0, 0})};
  CHECK(f.next(1) == "(all_down)");
  CHECK(f.pool.health(f.ids[0]) == health_flag::zero_weight);
  f.pool.update(f.ids[1], {.weight = 2});
  CHECK(f.next(3) == "BBB");
  f.pool.update(f.ids[1], {.weight = 0});
  CHECK(f.next(1) == "(all_down)");
  CHECK(f.pool.size() == 2);
}

TEST_CASE("pool: changing weights to 0 and back keeps the other health flags") {
  rng d{29};
  fleet f{round_robin{}, servers(4)};
  std::vector<std::uint32_t> weights(4, 1);
  std::vector<bool> down(4);
  for (int step = 0; step != 500; ++step) {
    std::size_t const i = random_below(d, 4);
    if (random_below(d, 2) == 0) {
      f.pool.update(f.ids[i], {.weight = weights[i] = random_below(d, 2)});
    } else if ((down[i] = random_below(d, 2) == 0)) {
      f.set(i, health_flag::down);
    } else {
      f.clear(i, health_flag::down);
      f.pool.refresh();  // a recovered backend is picked again from here on
    }
    bool any = false;
    for (std::size_t k = 0; k != 4; ++k) {
      CHECK(f.pool.health(f.ids[k]) == ((weights[k] == 0 ? health_flag::zero_weight : health_flag::none) |
                                        (down[k] ? health_flag::down : health_flag::none)));
      any = any || (weights[k] != 0 && !down[k]);
    }
    for (int k = 0; k != 5; ++k) {
      auto const c = f.picker.select();
      CHECK(static_cast<bool>(c) == any);
      if (c) CHECK((weights[c->number] != 0 && !down[c->number]));
    }
  }
}

TEST_CASE("pool: an event has a text") {
  CHECK(to_string(event{{16, 4096}, health_flag::none, health_flag::down | health_flag::ejected}) ==
        "#16.1: down+ejected, was up");
}

TEST_CASE("pool: the observer gets each change of health once, with before and after") {
  struct log {
    std::vector<std::tuple<backend_id, health_flag, health_flag>> events;
  } heard;
  pool_options options;
  options.context = &heard;
  options.observer = [](void* context, event const& e) noexcept {
    static_cast<log*>(context)->events.emplace_back(e.id, e.before, e.after);
  };
  fleet f{round_robin{}, servers(2), 0, options};
  f.set(0, health_flag::down);
  f.set(0, health_flag::down);  // changes nothing
  f.set(0, health_flag::draining);
  f.clear(0, health_flag::down | health_flag::ejected);
  f.clear(1, health_flag::down);  // changes nothing
  f.pool.set(backend_id{}, health_flag::down);
  using e = std::tuple<backend_id, health_flag, health_flag>;
  CHECK(heard.events == std::vector<e>{{f.ids[0], health_flag::none, health_flag::down},
                                       {f.ids[0], health_flag::down, health_flag::down | health_flag::draining},
                                       {f.ids[0], health_flag::down | health_flag::draining, health_flag::draining}});
}

TEST_CASE("pool: two pools are independent, and balancers of one pool share health and load") {
  fleet f{round_robin{}, servers(2)}, g{round_robin{}, servers(2)};
  f.set(0, health_flag::down);
  CHECK(f.next(2) == "BB");
  CHECK(g.next(2) == "AB");
  balancer other{f.pool, power_of_two{}, 0};
  auto picker = other.make_picker();
  auto const held = picker.acquire();
  CHECK(name_or_error(held) == "B");
  CHECK(f.pool.in_flight(f.ids[1]) == 1);
  CHECK(g.pool.in_flight(g.ids[1]) == 0);
}

TEST_CASE("pool: an id of another pool is unknown, however often both pools changed") {
  fleet f{round_robin{}, servers(3)}, g{round_robin{}, servers(3)};
  for (int round = 0; round != 50; ++round) {
    for (auto const& id : f.ids) {
      CHECK(!g.pool.set(id, health_flag::down));
      CHECK(!g.pool.update(id, {.weight = 0}));
      CHECK(!g.pool.remove(id));
      CHECK(g.pool.health(id) == health_flag::removed);
    }
    CHECK(g.picker.select({.excluded = f.ids}));
    g.pool.remove(g.ids[0]);
    g.pool.refresh();
    g.ids[0] = g.pool.add(server{name_of(0)});
  }
}

TEST_CASE("pool: a thousand pools with a balancer each work side by side") {
  std::vector<std::unique_ptr<fleet<round_robin>>> all;
  for (int i = 0; i != 1000; ++i) all.push_back(std::make_unique<fleet<round_robin>>(round_robin{}, servers(3)));
  for (auto& f : all) CHECK(f->next(3) == "ABC");
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("pool: an id from an undone change is never given again") {
  fleet f{round_robin{}, servers(1)};
  std::vector<backend_id> void_ids;
  for (int i = 0; i != 3; ++i)
    CHECK_THROWS(f.pool.change([&](auto& transaction) {
      void_ids.push_back(transaction.add({"void"}));
      fail("never mind");
    }));
  auto const next = f.pool.add({"B"});
  for (auto id : void_ids) {
    CHECK(id != next);
    CHECK(!f.pool.set(id, health_flag::down));
    CHECK(f.pool.in_flight(id) == 0);
  }
  CHECK(f.pool.health(next) == health_flag::none);
}
#endif

TEST_CASE("pool: set on a removed backend returns false while leases hold its slot") {
  fleet f{round_robin{}, servers(2), 0, {.observations = true}};
  auto const lease = f.picker.acquire();
  f.pool.remove(f.ids[0]);
  CHECK(!f.pool.set(f.ids[0], health_flag::down));
  CHECK(!f.pool.clear(f.ids[0], health_flag::down));
  CHECK(f.pool.stale_reports() == 2);
  CHECK(f.pool.health(f.ids[0]) == health_flag::removed);
  CHECK(f.pool.observed(f.ids[0]) == nullptr);
  CHECK(f.pool.in_flight(f.ids[0]) == 1);
  CHECK(!f.pool.set(f.ids[1], static_cast<health_flag>(detail::health_bits + 1)));
  CHECK(f.pool.health(f.ids[1]) == health_flag::none);
}

TEST_CASE("pool: an undone change forgets its new zones") {
  pool<server> p;
  balancer lb{p, failover{round_robin{}}};
  for (int i = 0; i != 3; ++i) CHECK_THROWS(p.add(server{"a", 1, 8, "zone " + std::to_string(i)}));
  p.add(server{"b", 1, 0, "first"});
  CHECK(p.zone_name(1) == "first");
}

TEST_CASE("pool: a function that would wait for itself fails by name, changing nothing") {
  using Catch::Matchers::ContainsSubstring;
  pool<server> p;
  auto const a = p.add({"a"});
  auto const inside_change = [&](auto call, [[maybe_unused]] char const* name) {
    CHECK_THROWS_WITH(p.change([&](auto& t) {
      t.add({"b"});
      call();
    }),
                      ContainsSubstring("equipoise: " + std::string{name} + "() is called from within"));
    CHECK(p.size() == 1);
    CHECK(!p.find("b"));
  };
  inside_change([&] { p.waiting(); }, "pool::waiting");
  inside_change([&] { p.refresh(); }, "pool::refresh");
  inside_change([&] { p.add({"c"}); }, "pool::add");
  inside_change([&] { p.remove(a); }, "pool::remove");
  inside_change([&] { p.update(a, {}); }, "pool::update");
  inside_change([&] { p.assign(std::vector<server>{{"c"}}); }, "pool::assign");
  inside_change([&] { p.change([](auto&) {}); }, "pool::change");
  inside_change([&] { p.for_each([](auto&&...) {}); }, "pool::for_each");
  inside_change([&] { p.visit(a, [](auto&&...) {}); }, "pool::visit");
  balancer lb{p, round_robin{}};
  inside_change([&] { lb.replace(round_robin{}); }, "balancer::replace");
  inside_change([&] { balancer{p, round_robin{}}; }, "balancer::balancer");
  CHECK_THROWS_WITH(p.for_each([&](backend_id id, auto&&...) { p.remove(id); }), ContainsSubstring("pool::remove()"));
  CHECK(p.size() == 1);
  p.change([&](auto& t) {
    CHECK(t.find("a") == a);
    auto const b = t.add({"b"});
    CHECK(t.find("b") == b);
    CHECK(t.remove(a));
    CHECK(!t.find("a"));
    CHECK(!p.set(b, health_flag::down));  // it is no member yet
    CHECK(p.find("a") == a);              // what is published
    CHECK(!p.find("b"));
    CHECK(p.size() == 1);
    CHECK(p.zone_name(0).empty());
  });
  CHECK(!p.find("a"));
  pool<server> other;
  p.change([&](auto&) { CHECK(other.size() == 0); });  // another pool has another lock
}

}  // namespace pool_test
