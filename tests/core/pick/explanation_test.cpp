// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/shard_router.hpp>
#include <equipoise/policy/zone_first.hpp>

#include <map>

namespace explanation_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {

// Masks that pass over different health flags.
constexpr std::array masks{admission::new_work, admission::same_session, admission::panic,
                           admission::same_session& admission::panic};

// Compares the explanation, the pick, and the pick of a twin that was never explained, over random health, weights,
// loads, masks and exclusions. Returns how often each error was met.
template <class P>
std::map<pick_error, std::size_t> check_agreement(P const& policy, std::size_t states, std::uint64_t seed) {
  rng d{seed};
  auto const members = [&] {
    auto all = weighted(random_weights(d, 6, 4));
    for (auto& s : all) s.priority = random_below(d, 3);
    return all;
  }();
  pool<server> pool;
  balancer<server, P> lb{pool, policy, seed}, twin_lb{pool, policy, seed};
  auto picker = lb.make_picker(), twin = twin_lb.make_picker();
  std::vector<backend_id> ids;
  pool.change([&](auto& transaction) {
    for (auto const& s : members) ids.push_back(transaction.add(s));
  });
  std::vector<lease<server>> held;
  std::map<pick_error, std::size_t> count;
  for (std::size_t state = 0; state != states; ++state) {
    auto const id = ids[random_below(d, 6)];
    if (random_below(d, 64) == 0) pool.update(id, {.weight = random_below(d, 3)});
    if (random_below(d, 4) == 0) pool.set(id, static_cast<health_flag>(1u << random_below(d, 6)));
    if (random_below(d, 3) == 0) pool.clear(id, static_cast<health_flag>(63));
    if (random_below(d, 64) == 0) pool.refresh();
    std::vector<backend_id> excluded;
    if (random_below(d, 4) == 0) excluded.push_back(ids[random_below(d, 6)]);
    pick_options const options{.excluded = excluded,
                               .session = random_below(d, 8) == 0 ? ids[random_below(d, 6)] : backend_id{},
                               .mask = masks[random_below(d, 8) == 0 ? random_below(d, 4) : 0]};
    std::uint64_t const key = d();
    auto const explained = explain(picker, key, options);
    auto got = acquire(picker, key, options);
    if (explained.choice != got.id() || explained.error != got.error())
      FAIL("state " << state << ": " << explained.text() << " The pick took " << name_or_error(got));
    got = {};  // the twin must see the same loads
    got = acquire(twin, key, options);
    if (explained.choice != got.id())
      FAIL(describe(policy) << ", state " << state << ": the picker that explained is not where its twin is");
    ++count[explained.error];
    if (got && held.size() < 20)
      held.push_back(std::move(got));
    else if (!held.empty())
      held.erase(held.begin() + random_below(d, static_cast<std::uint32_t>(held.size())));
  }
  return count;
}

void check_random_states(std::string const& name) {
  CAPTURE(name);
  check_agreement(policy_registry::standard().make(name), 17'000, xxh64(name));
}
}  // namespace

// A million states in all, in one test for each policy: under a sanitizer one test of them all would take too long.
TEMPLATE_LIST_TEST_CASE("explain names the backend that the pick takes and leaves the cursor unchanged", "",
                        every_policy) {
  std::string const leaf{TestType::name};
  check_random_states(leaf);
  for_each_standard_composition(
      [&]<template <class> class C>() { check_random_states(std::string{C<TestType>::name} + "{" + leaf + "}"); });
}

TEST_CASE("explain agrees with the pick for compositions of compositions") {
  for (std::string const name :
       {"failover{bounded_load{maglev}}", "sticky{failover{least_connections}}", "bounded_load{sticky{power_of_two}}"})
    check_random_states(name);
}

TEST_CASE("explain agrees with the pick for compositions and policies with arguments") {
  check_agreement(failover{bounded_load{maglev{}}}, 16'500, 100);
  check_agreement(least_connections{}, 16'500, 101);
  check_agreement(round_robin{}, 16'500, 102);
  CHECK(check_agreement(max_in_flight{round_robin{}, 2}, 16'500, 103)[pick_error::all_saturated] > 1000);
  CHECK(check_agreement(ip_hash{}, 16'500, 104)[pick_error::none] > 10'000);
  CHECK(check_agreement(shard_router{modulo_shards{{"A", "B", "C", "D"}}}, 16'500, 105)[pick_error::none] > 5'000);
}

TEST_CASE("explain says in one sentence which backend was chosen and why not the others") {
  fleet f{least_connections{}, servers(4)};
  auto const held = f.picker.acquire();
  f.set(1, health_flag::down | health_flag::draining);
  f.pool.update(f.ids[3], {.weight = 0});
  auto const e = f.picker.explain({.excluded = {&f.ids[0], 1}});
  CHECK(e.choice == f.ids[2]);
  CHECK(e.error == pick_error::none);
  REQUIRE(e.rows.size() == 4);
  CHECK(e.more == 0);
  auto const row = [&](std::size_t i) {
    for (auto const& r : e.rows)
      if (r.id == f.ids[i]) return r;
    return explanation::row{};
  };
  CHECK(row(2).verdict == "chosen");
  CHECK(row(2).key == "C");
  CHECK(row(1).verdict == "draining+down");
  CHECK(row(0).verdict == "excluded");
  CHECK(row(3).verdict == "zero_weight");
  CHECK(row(0).numbers[1].name == "in_flight");
  CHECK(row(0).numbers[1].value == 1);
  REQUIRE(row(0).numbers.size() == 3);
  CHECK(row(0).numbers[2].name == "load");
  CHECK(row(0).numbers[2].value == 1);
  auto const text = e.text();
  CHECK_THAT(text, ContainsSubstring("C was chosen by least_connections"));
  CHECK_THAT(text,
             ContainsSubstring("B was refused: draining+down") && ContainsSubstring("D was refused: zero_weight"));
  CHECK(text.back() == '.');
  CHECK(text.find('\n') == std::string::npos);
}

TEST_CASE("explain gives each backend's verdict as down, excluded or full") {
  fleet f{bounded_load{round_robin{}}, servers(3)};
  f.set(0, health_flag::maintenance);
  std::vector<backend_id> excluded{f.ids[1]};
  std::vector<lease<server>> held;
  for (int i = 0; i != 20; ++i) held.push_back(f.picker.acquire());
  auto const e = f.picker.explain({.excluded = excluded});
  std::string verdicts;
  for (auto const& r : e.rows) verdicts += r.key + ":" + r.verdict + " ";
  CHECK_THAT(verdicts, ContainsSubstring("A:maintenance"));
  CHECK_THAT(verdicts, ContainsSubstring("B:excluded"));
  fleet g{max_in_flight{round_robin{}, 1}, servers(2)};
  auto const one = g.picker.acquire();
  auto const full = g.picker.explain({.excluded = {&g.ids[1], 1}});
  REQUIRE(full.rows.size() == 2);
  for (auto const& r : full.rows) CHECK(r.verdict == (r.key == "A" ? "full" : "excluded"));
  CHECK_THAT(full.text(), ContainsSubstring("A was refused: full (weight 1, in_flight 1, limit 1)"));
}

namespace {
// Proposes members of the second rack only, and none for a pick with a session.
struct second_rack {
  struct table {};
  struct cursor {};
  static constexpr std::string_view name = "second_rack";
  static constexpr bool finite = true;
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    if (k.session()) {
      k.refused("no sessions here");
      return nullptr;
    }
    for (member const& m : k.members) {
      if (m.priority == 2) return &m;
      k.refused(m, "another rack");
    }
    return nullptr;
  }
};
}  // namespace

TEST_CASE("explain repeats why a policy passes members over or proposes none") {
  auto racks = servers(3);
  racks[2].priority = 2;
  fleet f{second_rack{}, racks};
  CHECK(f.picker.explain().text() ==
        "C was chosen by second_rack (weight 1, in_flight 0, priority 2); A was refused: another rack (weight 1, "
        "in_flight 0), B was refused: another rack (weight 1, in_flight 0).");
  auto const none = f.picker.explain({.session = f.ids[0]});
  CHECK(none.text() == "no backend was chosen by second_rack: refused, no sessions here; 3 not asked.");
}

TEST_CASE("explain says why a recovered backend is not in the table, and until when") {
  fleet f{round_robin{}, servers(2)};
  f.set(1, health_flag::down);
  f.pool.refresh();
  f.clear(1, health_flag::down);
  auto const e = f.picker.explain();
  REQUIRE(e.rows.size() == 2);
  CHECK(e.rows[0].verdict == "chosen");
  CHECK(e.rows[1].verdict == "not in the table until the next refresh(), because it was unhealthy when that was built");
}

TEST_CASE("explain says that a backend is not in the table because of its weight 0") {
  fleet f{round_robin{}, servers(2)};
  f.pool.update(f.ids[1], {.weight = 0});
  CHECK(f.picker.explain({.mask = admission::same_session}).rows[1].verdict ==
        "not in the table, because its weight is 0");
  CHECK(f.picker.explain().rows[1].verdict == "zero_weight");
}

TEST_CASE("explain says which backends are on standby until their level is asked") {
  auto levels = servers(4);
  levels[1].priority = levels[3].priority = 2;
  fleet f{failover{round_robin{}}, levels};
  CHECK(f.picker.explain().text() ==
        "A was chosen by failover{round_robin} (weight 1, in_flight 0); 2 on standby; "
        "1 not asked.");
  f.set(0, health_flag::down);
  f.set(2, health_flag::down);
  auto const e = f.picker.explain();
  CHECK(e.text() ==
        "B was chosen by failover{round_robin} (weight 1, in_flight 0, priority 2); A was refused: down (weight 1, "
        "in_flight 0), C was refused: down (weight 1, in_flight 0); 1 not asked.");
  f.set(3, health_flag::draining);
  CHECK_THAT(f.picker.explain().text(),
             ContainsSubstring("D was refused: draining (weight 1, in_flight 0, priority 2)"));
  f.clear(0, health_flag::down);
  for (auto const& r : f.picker.explain().rows) CHECK(r.had_its_turn == (r.key != "B"));
}

TEST_CASE("explain says which backends are in another zone, also on a lower level") {
  auto all = servers(5);
  pool<server> p;
  for (std::size_t i = 0; i != 5; ++i) {
    all[i].priority = i == 4 ? 1 : 0;
    p.add(all[i], {.priority = all[i].priority, .zone = i < 2 ? "here" : "there"});
  }
  balancer lb{p, failover{zone_first{"here", round_robin{}}}, 0};
  CHECK_THAT(lb.explain().text(),
             ContainsSubstring("(weight 1, in_flight 0); 1 not asked; 2 in another zone; 1 on standby."));
  p.set(p.find("A"), health_flag::down);
  p.set(p.find("B"), health_flag::down);
  CHECK_THAT(lb.explain().text(), ContainsSubstring("down (weight 1, in_flight 0); 1 not asked; 1 on standby."));
}

TEST_CASE("explain shows what the policy makes of the key: clients that are one have one") {
  fleet f{ip_hash{}, servers(2)};
  auto const asked = [&](char const* text) { return f.picker.explain(*address::parse(text)).key; };
  CHECK(asked("192.0.2.1") == "192.0.2.0/24");
  CHECK(asked("192.0.2.99") == "192.0.2.0/24");
  CHECK(asked("2001:db8::1") == "2001:db8::1");
  CHECK_THAT(f.picker.explain(*address::parse("192.0.2.1")).text(),
             ContainsSubstring(" by ip_hash for 192.0.2.0/24 ("));
  fleet g{failover{ring_hash{}}, servers(2)};
  CHECK(g.picker.explain("a").key == to_string(hashed_key{"a"}));
  CHECK(g.picker.explain("a").key != g.picker.explain("b").key);
  g.set(0, health_flag::down), g.set(1, health_flag::down);
  CHECK_THAT(g.picker.explain("a").text(), ContainsSubstring("by failover{ring_hash} for hash "));
  fleet h{any_policy{failover{maglev{}}}, servers(2)};
  CHECK(h.picker.explain("user-42").key == "user-42");
  CHECK(h.picker.explain(-42).key == "-42");
  CHECK(fleet{any_policy{round_robin{}}, servers(2)}.picker.explain("user-42").key.empty());
  CHECK(h.picker.explain(*address::parse("192.0.2.1")).key == to_string(hashed_key{*address::parse("192.0.2.1")}));
  auto spare = servers(1);
  spare[0].priority = 3;
  CHECK(fleet{failover{ring_hash{}}, spare}.picker.explain("a").key == g.picker.explain("a").key);
  CHECK(fleet{any_policy{ip_hash{}}, servers(2)}.picker.explain(*address::parse("192.0.2.1")).key == "192.0.2.0/24");
  CHECK(fleet{shard_router{modulo_shards{{"A", "B"}}}, servers(2)}.picker.explain(-7).key == "-7");
  CHECK(fleet{round_robin{}, servers(2)}.picker.explain().key.empty());
}

TEST_CASE("explain says that a backend is full, also if the policy compared its load") {
  fleet f{max_in_flight{least_connections{}, 2}, weighted({10, 1})};
  auto const a = f.picker.acquire(), b = f.picker.acquire(), c = f.picker.acquire();
  auto const e = f.picker.explain();
  CHECK(e.choice == f.ids[1]);
  CHECK_THAT(e.text(),
             ContainsSubstring("A was refused: full (weight 10, in_flight 2") && ContainsSubstring("limit 2"));
  for (auto const& r : e.rows) CHECK(r.had_its_turn);
}

namespace {
// A policy that chooses for itself among those that it is told it may have.
struct last_admitted {
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    member const* last = nullptr;
    for (member const& m : k.members)
      if (k.admits(m)) last = &m;
    return last;
  }
};
}  // namespace

TEST_CASE("pick::admits knows health, exclusions and limits: a policy keeps its order") {
  fleet f{max_in_flight{last_admitted{}, 2}, servers(4)};
  std::vector<lease<server>> held;
  std::string got;
  for (int i = 0; i != 3; ++i) got += (held.emplace_back(f.picker.acquire()), held.back()->name);
  CHECK(got == "DDC");
  CHECK_THAT(f.picker.explain().text(), ContainsSubstring("D was refused: full (weight 1, in_flight 2"));
  f.set(2, health_flag::down);
  CHECK(f.picker.acquire()->name == "B");
  CHECK(f.picker.acquire({.excluded = {&f.ids[1], 1}})->name == "A");
}

TEST_CASE("explain lists eight refused backends in its sentence and counts the others") {
  for (std::size_t n : {12u, 100u})
    for (std::size_t dead = 0; dead != 12; ++dead) {
      fleet f{round_robin{}, servers(n)};
      for (std::size_t i = 0; i != dead; ++i) f.set(i, health_flag::down);
      std::string expected = name_of(dead) + " was chosen by round_robin (weight 1, in_flight 0)";
      for (std::size_t i = 0; i != std::min<std::size_t>(dead, 8); ++i)
        expected += (i == 0 ? "; " : ", ") + name_of(i) + " was refused: down (weight 1, in_flight 0)";
      if (dead > 8) expected += " and " + std::to_string(dead - 8) + " like these";
      std::size_t const unlisted = n > explanation::most_rows ? n - explanation::most_rows : 0;
      if (n - dead - 1 != 0) expected += "; " + std::to_string(n - dead - 1 - unlisted) + " not asked";
      if (unlisted != 0) expected += "; " + std::to_string(unlisted) + " more not listed";
      CHECK(f.picker.explain().text() == expected + ".");
    }
  fleet f{least_connections{}, servers(2)};
  CHECK(f.picker.explain().text() ==
        "A was chosen by least_connections (weight 1, in_flight 0, load 0); B was compared (weight 1, in_flight 0, "
        "load 0).");
}

TEST_CASE("explain says why no backend was chosen") {
  fleet f{round_robin{}};
  CHECK(f.picker.explain().text() == "no backend was chosen by round_robin: empty.");
  f.join(servers(2));
  f.set(0, health_flag::down), f.set(1, health_flag::ejected);
  auto const e = f.picker.explain();
  CHECK(!e.choice);
  CHECK(e.error == pick_error::all_down);
  CHECK_THAT(e.text(), ContainsSubstring("no backend was chosen by round_robin: all_down") &&
                           ContainsSubstring("A was refused: down") && ContainsSubstring("B was refused: ejected"));
}

TEST_CASE("explain keeps 64 rows, counts the rest, and always keeps the chosen backend") {
  fleet f{least_connections{}, servers(200)};
  auto const e = f.picker.explain();
  CHECK(e.rows.size() == explanation::most_rows);
  CHECK(e.more == 200 - explanation::most_rows);
  fleet g{round_robin{}, servers(200)};
  for (std::size_t i = 0; i != 150; ++i) g.set(i, health_flag::down);
  auto const late = g.picker.explain();
  CHECK(std::find(g.ids.begin() + 150, g.ids.end(), late.choice) != g.ids.end());
  CHECK(std::count_if(late.rows.begin(), late.rows.end(), [](auto const& r) { return r.verdict == "chosen"; }) == 1);
  CHECK(late.rows.size() == explanation::most_rows);
  CHECK(late.rows.size() + late.more == 200);
  CHECK_THAT(late.text(), ContainsSubstring("like these"));
}

TEST_CASE("describe writes the name of a policy as it nests") {
  CHECK(describe(failover{bounded_load{maglev{}}}) == "failover{bounded_load{maglev}}");
  CHECK(describe(any_policy{failover{round_robin{}}}) == "failover{round_robin}");
  CHECK(describe(policy_registry::standard().make("sticky{max_in_flight{ring_hash}}")) ==
        "sticky{max_in_flight{ring_hash}}");
}

TEST_CASE("explain names the flags that counted, not the flags that the mask ignores") {
  fleet f{max_in_flight{round_robin{}, 1}, servers(1)};
  auto const held = f.picker.acquire();
  f.set(0, health_flag::down);
  CHECK(f.picker.explain({.mask = admission::panic}).rows[0].verdict == "full");
  CHECK(f.picker.explain().rows[0].verdict == "down");
}

}  // namespace explanation_test
