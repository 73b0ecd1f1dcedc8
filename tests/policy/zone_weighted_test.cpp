// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/weighted_random.hpp>
#include <equipoise/policy/zone_weighted.hpp>

#include <map>

namespace zone_weighted_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
constexpr char const* zones[] = {"eu", "us", "ap"};

// Members in three zones in turn.
std::vector<server> in_zones(std::vector<std::uint32_t> const& weights) {
  auto all = weighted(weights);
  for (std::size_t i = 0; i != all.size(); ++i) all[i].zone = zones[i % 3];
  return all;
}
std::vector<server> in_zones(std::size_t n) { return in_zones(std::vector<std::uint32_t>(n, 1)); }

template <class Fleet>
std::map<std::string, double> parts(Fleet& f, std::vector<server> const& members, std::size_t n = 20'000) {
  std::map<std::string, double> part;
  for (std::uint64_t i = 0; i != n; ++i) {
    auto const c = select(f.picker, i);
    REQUIRE(c);
    part[members[c->number].zone] += 1.0 / static_cast<double>(n);
  }
  return part;
}
}  // namespace

TEMPLATE_TEST_CASE("zone_weighted: a zone's part is its weight, less if few are healthy", "", round_robin,
                   weighted_random, maglev<>) {
  for (std::size_t n : {10u, 655u, 656u, 5000u}) {
    rng d{n};
    auto const members = in_zones(random_weights(d, n, 9));
    fleet f{zone_weighted{"us=3, eu=2, ap=1", TestType{}}, members, n};
    std::map<std::string, double> right{{"eu", 2}, {"us", 3}, {"ap", 1}}, up, all;
    double sum = 0;
    for (std::size_t i = 0; i != n; ++i) {
      bool const is_up = random_below(d, 10) < (i % 3 == 1 ? 4u : 8u);
      if (!is_up) f.set(i, health_flag::down);
      up[members[i].zone] += is_up, all[members[i].zone] += 1;
    }
    for (auto& [zone, part] : right) sum += part *= std::min(1.0, 1.4 * up[zone] / all[zone]);
    for (int round = 0; round != 2; ++round) {
      auto const seen = parts(f, members);
      for (auto const& [zone, part] : right) {
        INFO(n << " members, zone " << zone);
        CHECK((seen.count(zone) != 0 ? seen.at(zone) : 0) == Approx(part / sum).margin(0.02));
      }
      f.pool.refresh();
    }
  }
}

TEST_CASE("zone_weighted: without a text a zone weighs what its members weigh") {
  auto const members = in_zones({1, 6, 1, 1, 6, 1});
  fleet f{zone_weighted{"", round_robin{}}, members};
  auto const seen = parts(f, members);
  CHECK(seen.at("eu") == Approx(0.125).margin(0.01));
  CHECK(seen.at("us") == Approx(0.75).margin(0.01));
}

TEST_CASE("zone_weighted: a zone without a weight has work only if no other has a backend") {
  auto const members = in_zones(6);
  for (auto const* text : {"eu=1, us=0", "eu=1"}) {
    fleet f{zone_weighted{text, round_robin{}}, members};
    CHECK(parts(f, members, 100) == std::map<std::string, double>{{"eu", parts(f, members, 100).at("eu")}});
    f.set(0, health_flag::down), f.set(3, health_flag::down);
    for (int round = 0; round != 2; ++round) {
      CHECK(parts(f, members, 100).count("eu") == 0);
      f.pool.refresh();
    }
  }
}

TEST_CASE("zone_weighted: members that drain do not count") {
  auto const members = in_zones(30);
  fleet f{zone_weighted{"eu=1, us=1", round_robin{}}, members};
  for (std::size_t i = 0; i != 24; i += 3) f.set(i, health_flag::draining);
  CHECK(parts(f, members).at("eu") == Approx(0.5).margin(0.01));
  for (std::size_t i = 0; i != 24; i += 3) f.clear(i, health_flag::draining), f.set(i, health_flag::down);
  CHECK(parts(f, members).at("eu") == Approx(0.28 / 1.28).margin(0.01));
}

TEST_CASE("zone_weighted: of any size, the last healthy member is found wherever it is") {
  for (std::size_t n : {1u, 2u, 10u, 655u, 656u, 5000u})
    for (std::size_t last : {std::size_t{0}, n - 1})
      for (auto const* text : {"", "eu=5, us=1", "ap=0"}) {
        fleet f{zone_weighted{text, round_robin{}}, in_zones(n)};
        for (std::size_t i = 0; i != n; ++i)
          if (i != last) f.set(i, health_flag::down);
        for (int round = 0; round != 2; ++round) {
          for (int i = 0; i != 30; ++i) REQUIRE(f.picker.select()->number == last);
          f.pool.refresh();
        }
        f.set(last, health_flag::down);
        CHECK(f.next(1) == "(all_down)");
      }
  fleet none{zone_weighted{"eu=1", round_robin{}}};
  CHECK(none.next(1) == "(empty)");
  none.join(in_zones(3));
  CHECK(none.picker.select());
}

TEMPLATE_TEST_CASE("zone_weighted: a key has one zone while health stays, and returns with it", "", maglev<>,
                   ring_hash<>) {
  auto const members = in_zones(60);
  fleet f{zone_weighted{"eu=3, us=2, ap=1", TestType{}}, members};
  auto other = f.lb.make_picker();
  auto const before = f.owners(3000);
  for (std::uint64_t k = 0; k != 3000; ++k) REQUIRE(other.select(k).id() == before[k]);
  for (std::size_t i = 0; i != 30; i += 3) f.set(i, health_flag::down);
  auto const during = f.owners(3000);
  for (auto id : during) REQUIRE(f.pool.health(id) == health_flag::none);
  f.pool.refresh();
  CHECK(f.owners(3000) == during);
  for (std::size_t i = 0; i != 30; i += 3) f.clear(i, health_flag::down);
  CHECK(f.owners(3000) == before);
}

TEST_CASE("zone_weighted: a zone without a place hands its work on, and so do the others") {
  auto const members = in_zones(9);
  fleet f{zone_weighted{"eu=5, us=1", max_in_flight{round_robin{}, 1}}, members};
  std::vector<lease<server>> held;
  for (int i = 0; i != 9; ++i) {
    held.push_back(f.picker.acquire());
    REQUIRE(held.back());
  }
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  held.clear();
  CHECK(f.picker.select({.excluded = f.ids}).error() == pick_error::all_excluded);
}

TEMPLATE_TEST_CASE("zone_weighted: explain names what the pick takes", "", round_robin, least_connections, maglev<>) {
  rng d{6};
  auto const members = in_zones(random_weights(d, 10, 4));
  fleet f{zone_weighted{"eu=3, us=2, ap=1", TestType{}}, members, 2};
  check_explained_picks(f, d, [](auto const&...) {});
}

TEST_CASE("zone_weighted: explain says each zone's part") {
  auto const members = in_zones(12);
  fleet f{zone_weighted{"eu=3, us=1", round_robin{}}, members};
  for (std::size_t i : {0u, 3u}) f.set(i, health_flag::down);
  CHECK(f.picker.explain().notes == std::vector<std::string>{"zone eu: 67.7 % of the work, 2 of 4 healthy",
                                                             "zone us: 32.3 % of the work, 4 of 4 healthy",
                                                             "zone ap: 0.0 % of the work, 4 of 4 healthy"});
  CHECK_THAT(f.picker.explain().text(), ContainsSubstring("in a zone on standby"));
}

TEST_CASE("zone_weighted: a neighbour that flaps leaves the shares in a zone alone") {
  auto const members = in_zones({5, 3, 2, 4, 1, 1, 1, 1, 1, 1});
  fleet f{zone_weighted{"eu=2, us=1", smooth_weighted_round_robin{}}, members, 3};
  std::vector<std::size_t> count(10);
  for (int i = 0; i != 20'000; ++i) {
    if (i % 3 == 0) i % 2 == 0 ? f.set(3, health_flag::down) : f.clear(3, health_flag::down);
    if (i % 7 == 0) f.pool.refresh();
    ++count[f.picker.select()->number];
  }
  for (std::size_t i : {6u, 9u})
    CHECK(static_cast<double>(count[i]) == Approx(static_cast<double>(count[0]) / 5).epsilon(0.1));
}

TEST_CASE("zone_weighted: a seventeenth zone is refused, and the members stay") {
  fleet f{zone_weighted{"eu=1", round_robin{}}, in_zones(3)};
  std::vector<server> many = in_zones(17);
  for (std::size_t i = 0; i != many.size(); ++i) many[i].zone = "z" + std::to_string(i);
  CHECK_THROWS_WITH(f.pool.assign(many),
                    ContainsSubstring("zone_weighted: the members are in 17 zones, and there may be 16"));
  CHECK(f.pool.size() == 3);
  many.pop_back();
  CHECK_NOTHROW(f.pool.assign(many));
}

TEST_CASE("zone_weighted: a bad text is refused with the entry that is wrong") {
  auto const make = [](std::string text) { return zone_weighted{text, round_robin{}}; };
  CHECK_THROWS_WITH(make("eu"),
                    ContainsSubstring("zone_weighted::weights 'eu' is not a zone and a weight of 0 … 4294967295"));
  for (auto const* text : {"eu=", "eu=x", "eu=-1", "eu=1.5", "eu=4294967296", "eu=1 2", "eu=99999999999999999999"})
    CHECK_THROWS_WITH(make(text), ContainsSubstring("is not a zone and a weight"));
  CHECK_THROWS_WITH(make("eu=1, us=2, eu=3"), ContainsSubstring("'eu=3' names the zone again"));
  std::string many;
  for (int i = 0; i != 17; ++i) many += "z" + std::to_string(i) + "=1,";
  CHECK_THROWS_WITH(make(many), ContainsSubstring("'z16=1' is one zone more than the 16"));
  CHECK_THROWS_WITH((zone_weighted{"", round_robin{}, 99}), ContainsSubstring("overprovisioning"));
  CHECK_NOTHROW(make("eu=4294967295, =1"));  // members without a zone
}

TEST_CASE("zone_weighted: a bad text in a configuration is refused, not thrown") {
  std::string why;
  CHECK(!policy_registry::standard().try_make("zone_weighted{maglev, weights=\"eu=3, us\"}", &why));
  CHECK(why == "equipoise: zone_weighted::weights 'us' is not a zone and a weight of 0 … 4294967295");
}

TEST_CASE("zone_weighted: is made from its own text") {
  zone_weighted const p{"eu=3, us=1", maglev{}, 120};
  auto const text = describe(p);
  CHECK(text == "zone_weighted{maglev, weights=\"eu=3, us=1\", overprovisioning=120}");
  CHECK(policy_registry::standard().make(text).describe() == text);
  CHECK(attributes_read_by(p).zone);
}

}  // namespace zone_weighted_test
