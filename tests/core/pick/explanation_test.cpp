#include "support.hpp"

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/ip_hash.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/shard_router.hpp>

#include <map>

using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {

// Which reasons one pick may ignore.
constexpr std::array masks{admission::new_work, admission::same_session, admission::panic,
                           admission::same_session& admission::panic};

// Random health, weights, loads, masks and tried ones; then the explanation, the pick, and a twin's pick that was never
// explained. Gives how often each cause was met.
template <class P>
std::map<pick_error, std::size_t> agree(P const& policy, std::size_t states, std::uint64_t seed) {
  dice d{seed};
  auto const members = [&] {
    auto all = weighted(random_weights(d, 6, 4));
    for (auto& s : all) s.priority = roll(d, 3);
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
    auto const id = ids[roll(d, 6)];
    if (roll(d, 64) == 0) pool.update(id, {.weight = roll(d, 3)});
    if (roll(d, 4) == 0) pool.set(id, static_cast<health_flag>(1u << roll(d, 6)));
    if (roll(d, 3) == 0) pool.clear(id, static_cast<health_flag>(63));
    if (roll(d, 64) == 0) pool.refresh();
    std::vector<backend_id> excluded;
    if (roll(d, 4) == 0) excluded.push_back(ids[roll(d, 6)]);
    pick_options const options{.excluded = excluded,
                               .session = roll(d, 8) == 0 ? ids[roll(d, 6)] : backend_id{},
                               .mask = masks[roll(d, 8) == 0 ? roll(d, 4) : 0]};
    std::uint64_t const key = d();
    auto const told = explain(picker, key, options);
    auto got = acquire(picker, key, options);
    if (told.choice != got.id() || told.error != got.error())
      FAIL("state " << state << ": " << told.text() << " But " << who(got) << " was picked");
    got = {};  // the twin must see the same loads
    got = acquire(twin, key, options);
    if (told.choice != got.id()) FAIL("state " << state << ": the picker that explained is not where its twin is");
    ++count[told.error];
    if (got && held.size() < 20)
      held.push_back(std::move(got));
    else if (!held.empty())
      held.erase(held.begin() + roll(d, static_cast<std::uint32_t>(held.size())));
  }
  return count;
}
}  // namespace

// A million states in all, in tenths: under a sanitizer one test of them all would take too long.
TEMPLATE_TEST_CASE_SIG("explain names whom the pick takes, and leaves the cursor as it was: random states", "",
                       ((std::size_t Tenth), Tenth), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9) {
  std::array<std::string_view, 10> const leaves{"round_robin",
                                                "weighted_round_robin",
                                                "smooth_weighted_round_robin",
                                                "random",
                                                "weighted_random",
                                                "least_connections",
                                                "power_of_two",
                                                "ring_hash",
                                                "maglev",
                                                "hash_modulo"};
  std::array<std::string_view, 3> const deep{"failover{bounded_load{maglev}}", "sticky{failover{least_connections}}",
                                             "bounded_load{sticky{power_of_two}}"};
  std::string const leaf{leaves[Tenth]};
  auto const states = [](std::string const& name) {
    CAPTURE(name);
    agree(policy_registry::standard().make(name), 17'000, xxh64(name));
  };
  states(leaf);
  for (std::string const wrapper : {"max_in_flight", "bounded_load", "failover", "sticky"})
    states(wrapper + "{" + leaf + "}");
  if (Tenth < deep.size()) states(std::string{deep[Tenth]});
}

TEST_CASE(
    "explain names whom the pick takes, and leaves the cursor as it was: random states of policies without a name") {
  agree(failover{bounded_load{maglev{}}}, 16'500, 100);
  agree(least_connections{}, 16'500, 101);
  agree(round_robin{}, 16'500, 102);
  CHECK(agree(max_in_flight{round_robin{}, 2}, 16'500, 103)[pick_error::all_saturated] > 1000);
  CHECK(agree(ip_hash{}, 16'500, 104)[pick_error::none] > 10'000);
  CHECK(agree(shard_router{modulo_shards{{"A", "B", "C", "D"}}}, 16'500, 105)[pick_error::none] > 5'000);
}

TEST_CASE("explain says in one sentence who was chosen, and what was said of each other one") {
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

TEST_CASE("explain gives each one's verdict: down, tried, full") {
  fleet f{bounded_load{round_robin{}}, servers(3)};
  f.set(0, health_flag::maintenance);
  std::vector<backend_id> excluded{f.ids[1]};
  std::vector<lease<server>> held;
  for (int i = 0; i != 20; ++i) held.push_back(f.picker.acquire());
  auto const e = f.picker.explain({.excluded = excluded});
  std::string verdicts;
  for (auto const& r : e.rows) verdicts += r.key + ":" + r.verdict + " ";
  CHECK_THAT(verdicts, ContainsSubstring("A:maintenance"));
  CHECK_THAT(verdicts, ContainsSubstring("B:tried"));
  fleet g{max_in_flight{round_robin{}, 1}, servers(2)};
  auto const one = g.picker.acquire();
  auto const full = g.picker.explain({.excluded = {&g.ids[1], 1}});
  REQUIRE(full.rows.size() == 2);
  for (auto const& r : full.rows) CHECK(r.verdict == (r.key == "A" ? "full" : "excluded"));
  CHECK_THAT(full.text(), ContainsSubstring("A was refused: full (weight 1, in_flight 1, limit 1)"));
}

namespace {
// Only the second rack, and only while the session is nobody's.
struct picky {
  struct table {};
  struct cursor {};
  static constexpr std::string_view name = "picky";
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

TEST_CASE("explain repeats what a policy says of those that it passes over, and why it proposes nobody") {
  auto racks = servers(3);
  racks[2].priority = 2;
  fleet f{picky{}, racks};
  CHECK(f.picker.explain().text() ==
        "C was chosen by picky (weight 1, in_flight 0); A was refused: another rack (weight 1, "
        "in_flight 0), B was refused: another rack (weight 1, in_flight 0).");
  auto const nobody = f.picker.explain({.session = f.ids[0]});
  CHECK(nobody.text() == "no backend was chosen by picky: refused, no sessions here; 3 not asked.");
}

TEST_CASE("explain tells of one that came back, and is not in the table before the next refresh") {
  fleet f{round_robin{}, servers(2)};
  f.set(1, health_flag::down);
  f.pool.refresh();
  f.clear(1, health_flag::down);
  auto const e = f.picker.explain();
  REQUIRE(e.rows.size() == 2);
  CHECK(e.rows[0].verdict == "chosen");
  CHECK(e.rows[1].verdict == "not in the table");
}

TEST_CASE("explain's sentence tells of eight that were refused, counts the rest of them, and those not asked") {
  for (std::size_t n : {12u, 100u})
    for (std::size_t dead = 0; dead != 12; ++dead) {
      fleet f{round_robin{}, servers(n)};
      for (std::size_t i = 0; i != dead; ++i) f.set(i, health_flag::down);
      std::string expected = name_of(dead) + " was chosen by round_robin (weight 1, in_flight 0)";
      for (std::size_t i = 0; i != std::min<std::size_t>(dead, 8); ++i)
        expected += (i == 0 ? "; " : ", ") + name_of(i) + " was refused: down (weight 1, in_flight 0)";
      if (dead > 8) expected += " and " + std::to_string(dead - 8) + " like these";
      if (n - dead - 1 != 0) expected += "; " + std::to_string(n - dead - 1) + " not asked";
      CHECK(f.picker.explain().text() == expected + ".");
    }
  fleet f{least_connections{}, servers(2)};
  CHECK(f.picker.explain().text() ==
        "A was chosen by least_connections (weight 1, in_flight 0, load 0); B was compared (weight 1, in_flight 0, "
        "load 0).");
}

TEST_CASE("explain when there is nobody says why") {
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

TEST_CASE("explain tells of the first 64 it considered and counts the rest, and the chosen one is always told") {
  fleet f{least_connections{}, servers(200)};
  auto const e = f.picker.explain();
  CHECK(e.rows.size() == explanation::most_rows);
  CHECK(e.more == 200 - explanation::most_rows);
  fleet g{round_robin{}, servers(200)};
  for (std::size_t i = 0; i != 150; ++i) g.set(i, health_flag::down);
  auto const late = g.picker.explain();
  CHECK(late.choice == g.ids[150]);
  CHECK(std::count_if(late.rows.begin(), late.rows.end(), [](auto const& r) { return r.verdict == "chosen"; }) == 1);
  CHECK(late.rows.size() == explanation::most_rows);
  CHECK(late.rows.size() + late.more == 200);
  CHECK_THAT(late.text(), ContainsSubstring("like these"));
}

TEST_CASE("a policy's name is written as it nests") {
  CHECK(describe(failover{bounded_load{maglev{}}}) == "failover{bounded_load{maglev}}");
  CHECK(describe(any_policy{failover{round_robin{}}}) == "failover{round_robin}");
  CHECK(describe(policy_registry::standard().make("sticky{max_in_flight{ring_hash}}")) ==
        "sticky{max_in_flight{ring_hash}}");
}

TEST_CASE("explain names what counted against a backend, not what the mask passes over") {
  fleet f{max_in_flight{round_robin{}, 1}, servers(1)};
  auto const held = f.picker.acquire();
  f.set(0, health_flag::down);
  CHECK(f.picker.explain({.mask = admission::panic}).rows[0].verdict == "full");
  CHECK(f.picker.explain().rows[0].verdict == "down");
}
