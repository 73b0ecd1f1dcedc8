// SPDX-License-Identifier: MIT
// What pool::assign() keeps, replaces and refuses. (The fuzz target of the pool compares it with a model.)
#include "support.hpp"

#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/round_robin.hpp>

#include <map>

namespace assign_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
// A range that makes each backend at the moment it is read.
struct generated_range {
  struct iterator {
    using value_type = server;
    using difference_type = std::ptrdiff_t;
    std::size_t i = 0;
    server operator*() const { return {name_of(i)}; }
    iterator& operator++() { return ++i, *this; }
    iterator operator++(int) { return {i++}; }
    bool operator==(iterator const&) const = default;
  };
  iterator begin() const { return {0}; }
  iterator end() const { return {2}; }
};

struct plain {  // without ==
  std::string name;
  std::string address;
  int weight_ = 1;
  std::string_view key() const { return name; }
  int weight() const { return weight_; }
};

struct tracked {
  std::string name;
  std::shared_ptr<int> alive;
  std::string_view key() const { return name; }
  bool operator==(tracked const& other) const { return alive == other.alive; }
};

attributes attributes_in(auto const& pool, backend_id id) {
  attributes found;
  REQUIRE(pool.visit(id, [&](auto const&, attributes const& a, health_flag) { found = a; }));
  return found;
}
}  // namespace

TEST_CASE("assign: the key is the identity, and id, counts and health stay with it") {
  fleet f{round_robin{}, servers(4), 0, {.observations = true}};
  auto held = f.picker.acquire(), other = f.picker.acquire();
  REQUIRE(other.id() == f.ids[1]);
  f.set(0, health_flag::maintenance);
  f.set(1, health_flag::draining);
  auto list = servers(6);
  list.erase(list.begin() + 2);  // C leaves
  list[1] = {"B", 7, 0, "moved", 1};
  auto const did = f.pool.assign(list);
  CHECK(did == true);
  CHECK(did.added == 2);
  CHECK(did.removed == 1);
  CHECK(did.replaced == 1);
  CHECK(did.updated == 0);
  CHECK(did.kept == 2);
  CHECK(!did.reordered);
  CHECK(f.pool.find("A") == f.ids[0]);
  CHECK(f.pool.health(f.ids[0]) == health_flag::maintenance);
  CHECK(f.pool.in_flight(f.ids[0]) == 1);
  CHECK(f.pool.find("B") == f.ids[1]);
  CHECK(f.pool.health(f.ids[1]) == health_flag::draining);
  CHECK(f.pool.in_flight(f.ids[1]) == 1);
  CHECK(f.pool.health(f.ids[2]) == health_flag::removed);
  CHECK(attributes_in(f.pool, f.ids[1]) == attributes{7, 0, "moved"});
  CHECK(other->zone.empty());  // a lease that is held keeps its object
  f.clear(1, health_flag::draining);
  f.set(3, health_flag::down);
  f.set(0, health_flag::down);
  while (f.picker.select().id() != f.ids[1]) {
  }
  CHECK(f.picker.select().id());
  auto const later = f.picker.acquire({.excluded = {}});
  CHECK(f.pool.observed(f.ids[1])->ok == 0);
  other.finish(outcome::ok);
  CHECK(f.pool.observed(f.ids[1])->ok == 1);
  CHECK(f.pool.assign(list) == false);  // nothing to do
}

TEST_CASE("assign: without == every listed object replaces the one before") {
  pool<plain> pool;
  balancer lb{pool, round_robin{}, 0};
  auto picker = lb.make_picker();
  auto const a = pool.add({"a", "10.0.0.1"});
  auto const held = picker.acquire();
  CHECK(pool.assign(std::vector<plain>{{"a", "10.0.0.2", 5}}).replaced == 1);
  CHECK(pool.find("a") == a);
  CHECK(picker.select()->address == "10.0.0.2");
  CHECK(held->address == "10.0.0.1");
  CHECK(pool.in_flight(a) == 1);
  CHECK(attributes_in(pool, a).weight == 5);
}

TEST_CASE("assign: on demand a changed object begins a new membership") {
  fleet f{round_robin{}, servers(2)};
  f.set(1, health_flag::down);
  auto list = servers(2);
  list[1].zone = "moved";
  auto const did = f.pool.assign(list, {.rejoin_changed = true});
  CHECK(did.added == 1);
  CHECK(did.removed == 1);
  CHECK(did.kept == 1);
  CHECK(f.pool.find("A") == f.ids[0]);
  CHECK(f.pool.find("B") != f.ids[1]);
  CHECK(f.pool.health(f.pool.find("B")) == health_flag::none);
  CHECK((f.pool.health(f.ids[1]) & health_flag::removed) != health_flag::none);
}

TEST_CASE("assign: a replaced object lives until its last lease and its last picker") {
  rng d{91};
  pool<tracked> pool;
  balancer lb{pool, round_robin{}, 0};
  auto picker = lb.make_picker(), idle = lb.make_picker();
  std::vector<std::weak_ptr<int>> objects;
  auto const replace = [&] {
    auto object = std::make_shared<int>();
    objects.push_back(object);
    pool.assign(std::vector<tracked>{{"a", std::move(object)}});
  };
  auto const alive = [&] {
    return std::count_if(objects.begin(), objects.end(), [](auto& o) { return !o.expired(); });
  };

  replace();
  auto first = picker.acquire();
  replace();
  auto second = picker.acquire();
  idle.select();
  replace();  // both counters are in use, so this object shares one
  auto third = picker.acquire();
  pool.refresh();
  CHECK(alive() == 3);
  first = {};
  pool.refresh();
  CHECK(alive() == 2);
  CHECK(objects[0].expired());
  second = {};
  third = {};
  pool.refresh();
  CHECK(alive() == 2);  // the idle picker may still use the second
  idle.release();
  pool.refresh();
  CHECK(alive() == 1);
  CHECK(pool.waiting().records == 0);

  // At any time, work is counted once, and what nothing holds any more is gone.
  std::vector<lease<tracked>> held;
  for (int step = 0; step != 5'000; ++step) {
    switch (random_below(d, 5)) {
      case 0:
        replace();
        break;
      case 1:
      case 2:
        held.push_back(picker.acquire());
        break;
      default:
        if (held.empty()) break;
        std::swap(held[random_below(d, static_cast<std::uint32_t>(held.size()))], held.back());
        held.pop_back();
    }
    for (auto const& l : held) REQUIRE(l->alive.use_count() != 0);
    REQUIRE(pool.in_flight(pool.find("a")) == held.size());
    if (!held.empty()) continue;
    picker.select();
    pool.refresh();
    REQUIRE(alive() == 1);
  }
}

TEST_CASE("assign: replaced objects of a member that is always busy do not pile up") {
  fleet f{round_robin{}, servers(1)};
  auto lease = f.picker.acquire();
  for (std::size_t i = 1; i != 1'000; ++i) {
    auto list = servers(1);
    list[0].number = i;
    f.pool.assign(list);
    lease = f.picker.acquire();  // the next one begins before this one ends
    f.pool.refresh();
    REQUIRE(f.pool.waiting().records <= 2);
  }
}

TEST_CASE("assign: a removed member's replaced objects go with it") {
  fleet f{round_robin{}, servers(2), 0, {.capacity = 2}};
  for (std::size_t i = 0; i != 200; ++i) {
    auto list = servers(2);
    for (auto& s : list) s.number = i;
    f.picker.release();
    f.pool.refresh();
    f.pool.assign(list);
    auto const held = f.picker.acquire();
    f.pool.assign(std::vector<server>{{"A", 1, 0, "again", i}, {"B", 1, 0, "again", i}});
    auto const after = f.picker.acquire();
    f.pool.assign(std::vector<server>{});
    CHECK(held->zone.empty());
    CHECK(after->zone == "again");
  }
  f.picker.release();
  f.pool.refresh();
  CHECK(f.pool.waiting().records == 0);
  CHECK(f.pool.waiting().slots == 0);
}

TEST_CASE("assign: what an operator overrides stays until it is cleared") {
  fleet f{round_robin{}, weighted({1, 2, 3})};
  auto const b = f.ids[1];
  CHECK(f.pool.override_attributes(b, {.weight = 0}));
  CHECK(f.next(4) == "ACAC");
  CHECK(f.pool.assign(weighted({1, 2, 3})) == false);
  CHECK(f.pool.assign(weighted({1, 9, 3})).replaced == 1);
  CHECK(attributes_in(f.pool, b).weight == 0);
  CHECK(f.pool.overrides(b).weight == 0);
  CHECK(!f.pool.overrides(b).zone);
  CHECK(f.pool.update(b, {.weight = 8, .priority = 2}));
  CHECK(attributes_in(f.pool, b) == attributes{0, 2, ""});
  CHECK(f.pool.health(b) == health_flag::zero_weight);
  CHECK(f.pool.override_attributes(b, {.zone = "east"}));
  CHECK(attributes_in(f.pool, b) == attributes{0, 2, "east"});
  CHECK(f.pool.clear_overrides(b));
  CHECK(attributes_in(f.pool, b) == attributes{8, 2, ""});
  CHECK(f.pool.health(b) == health_flag::none);
  CHECK(!f.pool.overrides(b).weight);
  CHECK(f.pool.clear_overrides(b));

  // An override of the value that the list has is kept, too.
  CHECK(f.pool.override_attributes(f.ids[0], {.weight = 1}));
  f.pool.assign(weighted({5, 2, 3}));
  CHECK(attributes_in(f.pool, f.ids[0]).weight == 1);

  // It ends with the membership.
  f.pool.remove(f.ids[0]);
  f.pool.add(server{"A", 6});
  CHECK(attributes_in(f.pool, f.pool.find("A")).weight == 6);
  CHECK(!f.pool.override_attributes(f.ids[0], {.weight = 1}));
  CHECK(!f.pool.clear_overrides(f.ids[0]));
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("assign: an undone change leaves objects and overrides as they were") {
  fleet f{round_robin{}, weighted({1, 2, 3})};
  f.pool.override_attributes(f.ids[0], {.weight = 7});
  CHECK_THROWS(f.pool.change([&](auto& t) {
    t.clear_overrides(f.ids[0]);
    t.override_attributes(f.ids[1], {.weight = 9});
    auto list = weighted({4, 4, 4, 4});
    t.assign(list);
    for (auto& s : list) s.zone = "later";
    t.assign(list);
    t.remove(f.ids[2]);
    CHECK(t.find("B") == f.ids[1]);
    CHECK(!t.find("C"));
    CHECK(t.size() == 3);
    fail("never mind");
  }));
  CHECK(f.pool.size() == 3);
  CHECK(attributes_in(f.pool, f.ids[0]).weight == 7);
  CHECK(attributes_in(f.pool, f.ids[1]).weight == 2);
  CHECK(f.pool.find("C") == f.ids[2]);
  CHECK(!f.pool.find("D"));
  CHECK(f.next(9).find('D') == std::string::npos);
  CHECK(f.pool.clear_overrides(f.ids[0]));
  CHECK(attributes_in(f.pool, f.ids[0]).weight == 1);
}
#endif

TEST_CASE("assign: a bad entry refuses the list, is skipped, or keeps the last good list") {
  struct bad_list {
    std::vector<server> list;
    char const* mistake;
    std::string names;  // of the members that remain if it is skipped
  };
  for (auto const& [list, mistake, names] : {
           bad_list{{{"A"}, {""}, {"C"}}, "a backend's key is empty", "AC"},
           bad_list{{{"A"}, {"A", 9}, {"C"}}, "key 'A' is listed twice", "AC"},
           bad_list{{{"X"}, {"Y"}, {"X", 9}}, "key 'X' is listed twice", "XY"},
           bad_list{{{"X"}, {"Y", 1, 65'536}}, "priority 65536 of backend 'Y' is outside 0 … 65535", "X"},
           bad_list{{{"C"}, {"A", 1, 65'536}}, "priority 65536 of backend 'A'", "CA"},
           bad_list{{{""}, {""}}, "a backend's key is empty", ""},
       }) {
    CAPTURE(mistake);
    fleet f{round_robin{}, servers(2)};
    CHECK_THROWS_WITH(f.pool.assign(list), ContainsSubstring(mistake));
    auto const refused = f.pool.try_assign(list);
    CHECK(!refused);
    CHECK_THAT(refused.error(), ContainsSubstring(mistake));
    auto const kept = f.pool.assign(list, {.on_bad_entry = bad_entry::keep_last_good});
    CHECK(kept == false);
    CHECK(kept.refused);
    CHECK(kept.kept == 2);
    CHECK(kept.skipped == 0);
    CHECK_THAT(kept.mistake, ContainsSubstring(mistake));
    CHECK(f.next(4) == "ABAB");
    CHECK(f.pool.find("B") == f.ids[1]);

    auto const skipped = f.pool.assign(list, {.on_bad_entry = bad_entry::skip});
    CHECK(skipped == true);
    CHECK(skipped.skipped == list.size() - names.size() + (names == "CA"));
    CHECK_THAT(skipped.mistake, ContainsSubstring(mistake));
    std::string now;
    f.pool.for_each([&](backend_id, server const& s, attributes const& a, health_flag) {
      now += s.name;
      CHECK(a.weight == 1);
      CHECK(a.priority == 0);
    });
    CHECK(now == names);
    CHECK(f.pool.assign(list, {.on_bad_entry = bad_entry::skip}) == false);
  }
}

TEST_CASE("assign: an entry may bring its attributes beside the object") {
  using list = std::vector<entry<plain>>;
  pool<plain> pool;
  CHECK(pool.assign(list{{{"a", "1"}, {.weight = 4, .zone = "east"}}, {{"b", "2"}}}).added == 2);
  CHECK(attributes_in(pool, pool.find("a")) == attributes{4, 0, "east"});
  CHECK(attributes_in(pool, pool.find("b")) == attributes{});
  CHECK_THROWS_WITH(pool.assign(list{{{"a", "1"}, {.priority = 70'000}}}), ContainsSubstring("priority 70000"));

  fleet f{round_robin{}};
  std::vector<entry<server>> entries{{{"A"}, {.weight = 2}}, {{"B"}, {}}};
  CHECK(f.pool.assign(entries).added == 2);
  CHECK(f.pool.assign(entries) == false);
  entries[1].attrs.priority = 1;
  CHECK(f.pool.assign(entries).updated == 1);

  struct once {
    std::unique_ptr<int> owned;
    std::string_view key() const { return "once"; }
  };
  equipoise::pool<once> moved;
  std::vector<entry<once>> one;
  one.push_back({{std::make_unique<int>(7)}, {.weight = 3}});
  CHECK(moved.assign(std::move(one)));
  CHECK(moved.visit(moved.find("once"), [](once const& o, auto const& a, health_flag) {
    CHECK(*o.owned == 7);
    CHECK(a.weight == 3);
  }));
}

TEST_CASE("assign: a null text for a key is an empty key") {
  struct from_c {
    char const* name;
    char const* key() const { return name; }
  };
  pool<from_c> pool;
  CHECK_THROWS_WITH(pool.add({nullptr}), ContainsSubstring("key is empty"));
  CHECK_THROWS_WITH(pool.assign(std::vector<from_c>{{"a"}, {nullptr}}), ContainsSubstring("key is empty"));
  CHECK(pool.assign(std::vector<from_c>{{"a"}, {nullptr}}, {.on_bad_entry = bad_entry::skip}).added == 1);
}

TEST_CASE("assign: more members than the capacity are refused before anything changes") {
  fleet f{round_robin{}, servers(2), 0, {.capacity = 3}};
  auto const result = f.pool.try_assign(servers(4));
  CHECK_THAT(result.error(), ContainsSubstring("capacity 3 is reached (2 members"));
  f.pool.change([&](auto& t) {
    CHECK(!t.try_assign(servers(4)));
    CHECK(!t.changed());
    CHECK(t.try_assign(servers(3)));
  });
  CHECK(f.pool.size() == 3);
  CHECK(f.pool.find("A") == f.ids[0]);
}

TEST_CASE("assign: the try_ forms return what is wrong, and change nothing then") {
  fleet f{round_robin{}, servers(2)};
  CHECK(f.pool.try_add({"A"}).error() == "equipoise: key 'A' is already a member's");
  CHECK(f.pool.try_add({""}).error() == "equipoise: a backend's key is empty");
  CHECK_THAT(f.pool.try_add({"C"}, {.priority = 65'536}).error(), ContainsSubstring("priority 65536 of backend 'C'"));
  CHECK_THAT(f.pool.try_update(f.ids[0], {.weight = -1}).error(), ContainsSubstring("weight -1 of backend 'A'"));
  CHECK_THAT(f.pool.try_override_attributes(f.ids[0], {.priority = -1}).error(), ContainsSubstring("priority -1"));
  auto const c = f.pool.try_add({"C"});
  REQUIRE(c);
  CHECK(*c == f.pool.find("C"));
  CHECK(f.pool.try_remove(*c));
  CHECK(f.pool.try_remove(*c).error() == "equipoise: " + to_string(*c) + " is no member's id");
  CHECK(!f.pool.try_update(*c, {}));
  CHECK(!f.pool.try_override_attributes(*c, {}));
  CHECK(!f.pool.try_clear_overrides(*c));
  CHECK(f.pool.try_clear_overrides(f.ids[0]));
  CHECK(f.pool
            .try_change([&](auto& t) -> result<backend_id> {
              t.add({"D"});
              return t.try_add({"A"});
            })
            .error() == "equipoise: key 'A' is already a member's");
  CHECK(f.pool.size() == 2);
  auto const d = f.pool.try_change([&](auto& t) { return t.try_add({"D"}); });
  CHECK(*d == f.pool.find("D"));
  CHECK(f.pool.try_assign(servers(2))->removed == 1);

  balancer strict{f.pool, failover{round_robin{}}};
  CHECK_THAT(f.pool.try_update(f.ids[0], {.priority = 99}).error(), ContainsSubstring("99"));
  CHECK(f.next(2).find("(") == std::string::npos);
  CHECK(attributes_in(f.pool, f.ids[0]).priority == 0);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("assign: one that ended half-way refuses its change even if that is caught") {
  struct fragile : server {
    fragile(std::string n) : server{std::move(n)} {}
    fragile(fragile const& other) : server{other} {
      if (other.name == "fails") throw std::runtime_error{"a copy failed"};
    }
    fragile(fragile&&) = default;
    fragile& operator=(fragile&&) = default;
    std::string_view key() const { return name; }
  };
  pool<fragile> pool;
  auto const a = pool.add({"a"});
  std::vector<fragile> list;
  for (auto const* name : {"new", "fails"}) list.emplace_back(name);
  auto const half_way = [&](auto& t) {
    try {
      t.assign(list);
    } catch (std::runtime_error const&) {
    }
  };
  CHECK_THROWS_WITH(pool.change(half_way), ContainsSubstring("left half-way"));
  CHECK(pool.size() == 1);
  CHECK(pool.find("a") == a);
  CHECK(!pool.find("new"));
  list.pop_back();
  pool.change([&](auto& t) {
    half_way(t);
    t.assign(list);  // says everything anew
  });
  CHECK(pool.find("new"));
}
#endif

TEST_CASE("assign: it can keep the last good list when the new list is empty") {
  fleet f{round_robin{}, servers(2)};
  CHECK(!f.pool.assign(std::vector<server>{}, {.keep_last_good = true}));
  CHECK(f.pool.assign(std::vector<server>{}, {.keep_last_good = true}).mistake == "equipoise: the list is empty");
  auto const none_good = f.pool.assign(std::vector<server>{{""}, {"n", 1, 65'536}},
                                       {.keep_last_good = true, .on_bad_entry = bad_entry::skip});
  CHECK(none_good.refused);
  CHECK(none_good.mistake == "equipoise: a backend's key is empty, at index 0 of the list");
  CHECK(f.next(2) == "AB");
  CHECK(f.pool.assign(servers(1), {.keep_last_good = true}));
  CHECK(f.next(2) == "AA");
  CHECK(f.pool.assign(std::vector<server>{}));
  CHECK(f.next(1) == "(empty)");
}

TEST_CASE("assign: it keeps the last good list too if a policy or the capacity refuses one") {
  fleet f{failover{round_robin{}}, servers(2), 0, {.capacity = 4}};
  std::vector<server> const beyond{{"A"}, {"X", 1, 8}};
  constexpr assign_options keeping{.on_bad_entry = bad_entry::keep_last_good};
  auto const kept = f.pool.assign(beyond, keeping);
  CHECK(kept.refused);
  CHECK(kept.kept == 2);
  CHECK_THAT(kept.mistake, ContainsSubstring("priority 8 of backend 'X'"));
  CHECK(f.pool.try_assign(beyond, keeping)->refused);
  CHECK_THAT(f.pool.assign(servers(9), keeping).mistake, ContainsSubstring("capacity 4"));
  CHECK(f.pool.find("B") == f.ids[1]);
  CHECK(f.pool.size() == 2);
  CHECK(f.pool.try_assign(beyond).error() == kept.mistake);
  CHECK(f.pool.try_assign(beyond, {.on_bad_entry = bad_entry::skip}).error() == kept.mistake);
  CHECK(f.pool.assign({{"A"}, {"C"}}, keeping) == true);  // a list that is written down
  CHECK(f.pool.find("C"));
}

TEST_CASE("assign: within a change it tells whether it changed anything itself") {
  fleet f{round_robin{}, servers(2)};
  f.pool.change([&](auto& transaction) {
    transaction.add(server{"C"});
    CHECK(transaction.assign(std::vector<server>{}, {.keep_last_good = true}) == false);
    auto three = servers(3);
    three[2].number = 0;
    CHECK(!transaction.assign(three));
    CHECK(transaction.assign(servers(1)));
  });
  CHECK(f.pool.size() == 1);
}

namespace {
struct heavy : server {
  std::uint32_t weight() const { return 7; }
};
}  // namespace

TEST_CASE("assign: it reads elements of another type as the backends they convert to") {
  pool<server> pool;
  std::vector<server> const plain = weighted({1, 2});
  std::vector<std::reference_wrapper<server const>> const wrapped(plain.begin(), plain.end());
  CHECK(pool.assign(wrapped));
  CHECK(!pool.assign(wrapped));
  CHECK(!pool.assign(plain));

  std::vector<heavy> const derived{{{"A", 1, 0, "", 0}}, {{"B", 2, 0, "", 1}}};
  CHECK(!pool.assign(derived));
  pool.for_each([&](backend_id, server const& s, attributes const& a, health_flag) { CHECK(a.weight == s.weight); });
}

TEST_CASE("assign: it takes a range that makes its backends while it is read") {
  pool<server> p;
  CHECK(p.assign(generated_range{}));
  CHECK(p.size() == 2);
}

}  // namespace assign_test
