// SPDX-License-Identifier: MIT
// Laws that hold at every size and in every state: what a change of membership moves, where the keys of dead members
// go, whose turn it is after a change, and what the members that are left get.
#include "standard_policies.hpp"

#include <equipoise/policy/any_policy.hpp>

#include <map>

namespace size_law_test {
using namespace equipoise;

namespace {
std::vector<std::uint32_t> equal_or_odd(bool odd, std::size_t n, rng& d) {
  return odd ? random_weights(d, n, 9) : std::vector<std::uint32_t>(n, 3);
}

// Joins, leaves, weights that become 0 and come back: the keys of others stay.
template <class P>
void check_changes_move_no_others(P const& policy, std::size_t n, double most) {
  for (bool odd : {false, true}) {
    INFO(n << " members, weights are " << (odd ? "odd" : "equal"));
    rng d{n};
    fleet f{policy, weighted(equal_or_odd(odd, n, d)), 0, {.capacity = 131'072}};
    constexpr std::size_t keys = 20'000;
    auto const before = f.owners(keys);
    f.join({{"newcomer", odd ? 7u : 3u, 0, "", n}});
    auto const newcomer = f.ids.back();
    CHECK(others_moved(before, f.owners(keys), newcomer) <= most);
    f.pool.remove(newcomer);
    CHECK(f.owners(keys) == before);
    auto const one = f.ids[random_below(d, static_cast<std::uint32_t>(n))];
    f.pool.update(one, {.weight = 0});
    CHECK(others_moved(before, f.owners(keys), one) <= most);
    f.pool.remove(one);
    CHECK(others_moved(before, f.owners(keys), one) <= most);
  }
}

// Proposes nothing, so the library's own order decides.
struct silent {
  using key_type = hashed_key;
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const&, key_type const&) const noexcept { return nullptr; }
};
}  // namespace

TEST_CASE("size law: a member that joins or leaves moves no other's keys with ring_hash") {
  for (std::size_t n : {10u, 655u, 656u}) check_changes_move_no_others(ring_hash{}, n, 0);
  check_changes_move_no_others(ring_hash{32}, 5000, 0);
  check_changes_move_no_others(ring_hash{8}, 26'214, 0);
  check_changes_move_no_others(ring_hash{2}, 100'000, 0);
}

TEST_CASE("size law: with maglev, a join or a leave moves under 1 % of the others' keys") {
  for (std::size_t n : {10u, 655u, 656u, 5000u, 26'214u}) check_changes_move_no_others(maglev{}, n, 0.01);
  check_changes_move_no_others(maglev{200'003}, 100'000, 0.01);
}

TEST_CASE("size law: with ring_hash, keys go to the same members if one is down or removed") {
  for (std::size_t n : {2u, 10u, 200u})
    for (std::uint32_t percent : {1u, 30u, 90u, 98u}) {
      rng d{n + percent};
      fleet f{ring_hash{}, weighted(random_weights(d, n, 4))};
      std::vector<std::size_t> dead;
      for (std::size_t i = 1; i != n; ++i)
        if (i == 1 || random_below(d, 100) < percent) dead.push_back(i);
      for (auto i : dead) f.set(i, health_flag::down);
      auto const down = f.owners(3000);
      f.pool.change([&](auto& t) {
        for (auto i : dead) t.remove(f.ids[i]);
      });
      CHECK(f.owners(3000) == down);
    }
}

TEMPLATE_TEST_CASE("size law: all processes agree at every death rate", "", maglev<>, ring_hash<>, silent) {
  for (std::size_t healthy : {1u, 4u, 20u, 150u}) {
    rng d{healthy};
    auto members = servers(200);
    std::vector<std::vector<std::string>> answers;
    for (int process = 0; process != 3; ++process) {
      fleet f{TestType{}, members};
      for (auto const& m : members)
        if (m.number >= healthy) f.pool.set(f.pool.find(m.name), health_flag::down);
      answers.emplace_back();
      for (std::uint64_t key = 0; key != 2000; ++key) answers.back().push_back(select(f.picker, key)->name);
      std::shuffle(members.begin(), members.end(), d);
    }
    CHECK(answers[1] == answers[0]);
    CHECK(answers[2] == answers[0]);
  }
}

TEST_CASE("size law: the keys of a policy that proposes nothing spread over all members") {
  for (std::size_t n : {2u, 3u, 10u, 101u}) {
    fleet f{silent{}, servers(n)};
    CHECK(chi_square(f.shares(20'000)) < 1);
    if (n > 3)
      for (std::size_t i = 0; i != n / 2; ++i) f.set(i, health_flag::down);
    auto count = f.shares(20'000);
    if (n > 3) count.erase(count.begin(), count.begin() + static_cast<std::ptrdiff_t>(n / 2));
    for (auto c : count) CHECK(c > 20'000 / count.size() / 2);
  }
}

TEST_CASE("size law: ip_hash and hash_modulo take the members in the order of the last list") {
  auto const check = [](auto policy) {
    auto const abc = servers(3);
    auto moved = abc, another_order = abc, two = abc;
    moved[1].number = 9;
    std::swap(another_order[0], another_order[2]);
    two.erase(two.begin() + 1);
    for (auto const& history : {std::vector{abc, two, abc}, {abc, moved}, {abc, another_order}, {two, moved, abc}}) {
      fleet f{policy}, fresh{policy};
      for (auto const& list : history) f.pool.assign(list);
      fresh.pool.assign(history.back());
      for (std::uint64_t key = 0; key != 300; ++key)
        REQUIRE(select(f.picker, key)->name == select(fresh.picker, key)->name);
      CHECK(!f.pool.assign(history.back()));
    }
  };
  check(ip_hash{});
  check(hash_modulo{});
}

namespace {
// One member flaps, or leaves and joins, every few picks. Those that never changed must keep their shares.
template <class P>
void check_steady_shares(P const& policy, std::vector<server> const& steady, bool by_weight) {
  for (int every : {0, 1, 2, 3, 5, 7})
    for (bool health : {true, false})
      for (bool first : {true, false}) {
        rng d{7};
        fleet f{policy};
        if (first) f.join({{"flapper"}});
        for (auto const& s : steady) f.join({s});
        if (!first) f.join({{"flapper"}});
        auto flapper = f.pool.find("flapper");
        std::map<std::string, double> count;
        bool in = true;
        for (int n = 0; n < 12'000;) {
          in = !in;
          if (health) {
            in ? f.pool.clear(flapper, health_flag::down) : f.pool.set(flapper, health_flag::down);
            f.pool.refresh();
          } else if (in) {
            flapper = f.pool.add({"flapper"});
          } else {
            f.pool.remove(flapper);
          }
          for (int i = every != 0 ? every : 1 + static_cast<int>(random_below(d, 2)); i != 0; --i, ++n) {
            auto l = f.picker.acquire();
            count[l->name] += 1;
            l.finish(outcome::ok);
          }
        }
        double least = 1e9, most = 0;
        for (auto const& s : steady) {
          double const each = count[s.name] / (by_weight ? s.weight : 1);
          least = std::min(least, each), most = std::max(most, each);
        }
        INFO("every " << every << " picks, by " << (health ? "health" : "membership") << ", first: " << first);
        CHECK(least * 1.2 >= most);
      }
}
}  // namespace

TEMPLATE_LIST_TEST_CASE("size law: a neighbour that flaps starves no member", "", unkeyed_policies) {
  INFO(TestType::name);
  check_steady_shares(TestType{}, servers(3), true);
}

TEST_CASE("size law: a neighbour that flaps leaves the shares by weight as they are") {
  check_steady_shares(smooth_weighted_round_robin{}, weighted({5, 3, 2}), true);
  check_steady_shares(weighted_round_robin{}, weighted({5, 3, 2}), true);
  check_steady_shares(least_connections{}, weighted({5, 3, 2}), true);
  check_steady_shares(any_policy{round_robin{}}, servers(3), true);
  check_steady_shares(failover{round_robin{}}, servers(3), true);
}

namespace {
// The shares of those left, when member 0 gets nothing for one reason or another.
template <class P>
std::vector<std::size_t> shares_of_others(P const& policy, std::vector<std::uint32_t> const& weights, int reason) {
  fleet f{max_in_flight{policy, 1}, weighted(weights), 5};
  backend_id const tried[] = {f.ids[0]};
  pick_options o;
  lease<server> held;
  if (reason == 0) f.set(0, health_flag::down);
  if (reason == 1) o.excluded = tried;
  if (reason == 2) {
    balancer lb{f.pool, sticky{round_robin{}}, 1};
    held = lb.acquire({.session = f.ids[0]});
    REQUIRE(held->number == 0);
  }
  auto count = f.shares(40'000, o);
  CHECK(count[0] == 0);
  count.erase(count.begin());
  return count;
}
}  // namespace

TEMPLATE_LIST_TEST_CASE("size law: whatever keeps a heavy member out, the others share by weight", "",
                        unkeyed_policies) {
  INFO(TestType::name);
  constexpr bool counts = !policy_lists::contains<std::tuple<round_robin, equipoise::random>, TestType>;
  for (auto const& weights :
       {std::vector<std::uint32_t>{1000, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {1000, 5, 1, 2, 1, 3}, {7, 3, 1}})
    for (int reason : {0, 1, 2}) {
      auto const count = shares_of_others(TestType{}, weights, reason);
      double total = 0;
      for (std::size_t i = 1; i != weights.size(); ++i) total += counts ? weights[i] : 1;
      for (std::size_t i = 0; i != count.size(); ++i) {
        INFO("reason " << reason << ", member " << i + 1 << " of " << weights.size());
        CHECK(static_cast<double>(count[i]) == Approx(40'000 * (counts ? weights[i + 1] : 1) / total).epsilon(0.1));
      }
    }
}

// In a round robin the member behind the dead one is next, as in every rotation.
using not_in_turn = except<unkeyed_policies, round_robin>;

TEMPLATE_LIST_TEST_CASE("size law: a fleet's first picks after a heavy member died follow the weights", "",
                        not_in_turn) {
  INFO(TestType::name);
  constexpr bool counts = !std::same_as<TestType, equipoise::random>;
  std::vector<std::size_t> first(4), second(4);
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    fleet f{TestType{}, weighted({1000, 1, 4, 2, 3}), seed};
    f.next(seed % 3);
    f.set(0, health_flag::down);
    ++first[f.picker.select()->number - 1];
    ++second[f.picker.select()->number - 1];
  }
  auto const right = counts ? std::vector<double>{1, 4, 2, 3} : std::vector<double>{1, 1, 1, 1};
  CHECK(chi_square(first, right) < 1);
  CHECK(chi_square(second, right) < 1);
}

TEMPLATE_LIST_TEST_CASE("size law: with most down and no refresh, the others share by weight", "", unkeyed_policies) {
  INFO(TestType::name);
  constexpr bool counts = !policy_lists::contains<std::tuple<round_robin, equipoise::random>, TestType>;
  for (std::size_t n : {10u, 200u, 655u, 5000u})
    for (std::size_t left : {2u, 5u, 9u}) {
      rng d{n + left};
      auto weights = random_weights(d, n, 9);
      fleet f{TestType{}, weighted(weights), n};
      std::vector<bool> up(n);
      for (std::size_t i = 0; i != left;) {
        auto const one = random_below(d, static_cast<std::uint32_t>(n));
        if (!up[one]) up[one] = true, ++i;
      }
      for (std::size_t i = 0; i != n; ++i)
        if (!up[i]) f.set(i, health_flag::down);
      std::vector<double> right;
      std::vector<std::size_t> seen;
      auto const count = f.shares(n == 5000 ? 4000 : 20'000);
      for (std::size_t i = 0; i != n; ++i)
        if (up[i]) {
          seen.push_back(count[i]);
          right.push_back(counts ? weights[i] : 1);
        }
      INFO(left << " of " << n << " members are left");
      CHECK(chi_square(seen, right) < 1);
    }
}

TEMPLATE_LIST_TEST_CASE("size law: who recovers gets its share, whether anybody refreshes or not", "",
                        unkeyed_policies) {
  INFO(TestType::name);
  constexpr bool counts = !policy_lists::contains<std::tuple<round_robin, equipoise::random>, TestType>;
  for (std::size_t n : {2u, 3u, 10u, 656u})
    for (bool within : {false, true}) {
      rng d{n};
      auto const weights = random_weights(d, n, 5);
      fleet f{failover{any_policy{TestType{}}}, weighted(weights), n};
      fleet g{TestType{}, weighted(weights), n};
      for (std::size_t i = 0; i < n; i += 2) f.set(i, health_flag::down), g.set(i, health_flag::down);
      f.pool.refresh(), g.pool.refresh();
      f.next(3), g.next(3);
      f.clear(0, health_flag::down), g.clear(0, health_flag::down);
      if (within) f.pool.add({"another"}), g.pool.add({"another"});  // any other publish
      double total = within;
      for (std::size_t i = 1; i < n; i += 2) total += counts ? weights[i] : 1;
      double const own = counts ? weights[0] : 1;
      std::size_t of_f = 0, of_g = 0;
      int const picks = n == 656 ? 60'000 : 20'000;
      for (int i = 0; i != picks; ++i) {
        of_f += f.picker.acquire(key_number<any_key>(1))->name == "A";
        of_g += g.picker.acquire()->name == "A";
      }
      double const right = picks * own / (own + total);
      INFO(n << " members, another publish: " << within);
      CHECK(static_cast<double>(of_f) == Approx(right).margin(4 * std::sqrt(right)));
      CHECK(static_cast<double>(of_g) == Approx(right).margin(4 * std::sqrt(right)));
      auto const explained = g.picker.explain();
      CHECK(explained.choice == g.picker.select().id());
    }
}

TEST_CASE("size law: news of a recovery does not outlive what it is about") {
  fleet f{round_robin{}, servers(4)};
  std::vector<picker<server, round_robin>> idle;
  for (int i = 0; i != 3; ++i) idle.push_back(f.lb.make_picker());
  rng d{3};
  for (int i = 0; i != 2000; ++i) {
    std::size_t const one = random_below(d, 4);
    random_below(d, 2) == 0 ? f.set(one, health_flag::down) : f.clear(one, health_flag::down);
    if (random_below(d, 3) == 0) f.pool.refresh();
    if (random_below(d, 3) == 0) f.picker.select();
    if (random_below(d, 3) == 0) idle[random_below(d, 3)].select();
    if (random_below(d, 20) == 0) idle[random_below(d, 3)].release();
    if (random_below(d, 20) == 0) idle[random_below(d, 3)] = f.lb.make_picker();
    if (random_below(d, 20) == 0) f.pool.update(f.ids[one], {.weight = 1 + random_below(d, 3)});
    CHECK(f.pool.waiting().snapshots <= 4);
  }
}

namespace {
// Counts how often it is asked.
struct counted {
  std::size_t* asked;
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    ++*asked;
    return k.members.empty() ? nullptr : &k.members[0];
  }
};
}  // namespace

TEST_CASE("size law: once all members are known to be down, a pick asks for none of them") {
  std::size_t asked = 0;
  fleet f{counted{&asked}, servers(100)};
  for (std::size_t i = 0; i != 100; ++i) f.set(i, health_flag::down);
  auto const why = [&](pick_options const& o = {}) { return name_or_error(f.picker.select(o)); };
  CHECK(why() == "(all_down)");
  auto const before = asked;
  for (int i = 0; i != 1000; ++i) REQUIRE(why() == "(all_down)");
  CHECK(asked == before);
  CHECK(f.picker.acquire().error() == pick_error::all_down);
  CHECK(f.picker.explain().error == pick_error::all_down);
  CHECK(select_n(f.picker, 0, 3).empty());

  f.clear(7, health_flag::down);
  CHECK(why() == "H");
  f.set(7, health_flag::saturated);
  CHECK(why() == "(all_saturated)");
  f.set(7, health_flag::down);
  CHECK(why() == "(all_down)");
  f.set(9, health_flag::down);  // no change
  f.set(9, health_flag::maintenance);
  f.clear(9, health_flag::down);
  CHECK(why() == "(all_down)");
  f.clear(9, health_flag::maintenance);
  CHECK(why() == "J");
  f.set(9, health_flag::down);
  CHECK(why() == "(all_down)");

  f.join({{"newcomer"}});
  CHECK(why() == "newcomer");
  f.pool.set(f.ids.back(), health_flag::draining);
  CHECK(why() == "(all_down)");
  CHECK(why({.mask = admission::same_session}) == "newcomer");
  CHECK(why() == "(all_down)");
  f.picker.release();
  CHECK(why() == "(all_down)");
  f.pool.remove(f.ids.back());
  CHECK(why() == "(all_down)");
  f.pool.refresh();
  f.clear(0, health_flag::down);
  auto moved = std::move(f.picker);
  CHECK(name_or_error(moved.select()) == "A");
}

TEMPLATE_LIST_TEST_CASE("size law: an outage ends with the first member that recovers", "", every_policy) {
  INFO(TestType::name);
  for (std::size_t n : {1u, 2u, 10u, 656u}) {
    fleet f{failover{any_policy{TestType{}}}, servers(n)};
    fleet g{TestType{}, servers(n)};
    for (std::size_t i = 0; i != n; ++i) f.set(i, health_flag::down), g.set(i, health_flag::down);
    for (std::uint64_t key = 0; key != 20; ++key) {
      REQUIRE(name_or_error(select(f.picker, key)) == "(all_down)");
      REQUIRE(name_or_error(select(g.picker, key)) == "(all_down)");
      f.clear(key % n, health_flag::down), g.clear(key % n, health_flag::down);
      REQUIRE(select(f.picker, key)->number == key % n);
      REQUIRE(select(g.picker, key)->number == key % n);
      f.set(key % n, health_flag::down), g.set(key % n, health_flag::down);
      if (key % 3 == 0) f.pool.refresh(), g.pool.refresh();
    }
  }
  if constexpr (keyed<TestType>) {
    fleet f{any_policy{TestType{}}, servers(3)};
    for (std::size_t i = 0; i != 3; ++i) f.set(i, health_flag::down);
    for (int i = 0; i != 3; ++i) {
      CHECK(name_or_error(select(f.picker, 1)) == "(all_down)");
      CHECK(name_or_error(f.picker.select()) == "(refused)");  // without its key
    }
  }
}

TEST_CASE("size law: a refresh leaves the tables of keyed policies as they are") {
  struct built : maglev<> {
    std::size_t* builds;
    explicit built(std::size_t* n) : builds{n} {}
    table build(members_view m) const { return ++*builds, maglev<>::build(m); }
  };
  std::size_t builds = 0;
  fleet f{failover{built{&builds}}, servers(5)};
  auto const before = builds;
  for (int i = 0; i != 10; ++i) {
    f.set(1, health_flag::down);
    f.pool.refresh();
    f.clear(1, health_flag::down);
    f.pool.refresh();
  }
  CHECK(builds == before);
  f.join({{"newcomer"}});
  CHECK(builds == before + 1);
}

}  // namespace size_law_test
