// SPDX-License-Identifier: MIT
#include "catch.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/core/pick/print.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/panic.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/subset.hpp>

#include <algorithm>
#include <map>

namespace subset_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

namespace {
struct labelled {
  std::string name, version, stage;
  std::uint32_t weight = 1;
};
std::string_view key_of(labelled const& s) { return s.name; }
std::uint32_t weight_of(labelled const& s) { return s.weight; }
labels labels_of(labelled const& s) {
  labels all;
  if (!s.version.empty()) all.push_back({"version", s.version});
  if (!s.stage.empty()) all.push_back({"stage", s.stage});
  return all;
}

std::vector<labelled> const five{
    {"a", "1", "prod"}, {"b", "2", "prod"}, {"c", "2", "canary"}, {"d", "2", ""}, {"e", "", "prod"}};

// The names of n picks.
template <class Picker>
std::string next(Picker& picker, int n) {
  std::string names;
  for (int i = 0; i != n; ++i) {
    auto const c = picker.select();
    names += c ? c->name : "(" + std::string{to_string(c.error())} + ")";
  }
  return names;
}
std::string of_labels(std::string const& wanted, subset_fallback fallback = subset_fallback::none,
                      std::string const& otherwise = {}) {
  pool<labelled> pool;
  pool.assign(five);
  balancer lb{pool, subset{wanted, round_robin{}, fallback, otherwise}, 0};
  auto picker = lb.make_picker();
  return next(picker, 6);
}
}  // namespace

TEST_CASE("subset: only the members with all of the labels get work") {
  CHECK(of_labels("version=2") == "bcdbcd");
  CHECK(of_labels("version=2,stage=prod") == "bbbbbb");
  CHECK(of_labels(" stage = prod , version = 2 ") == "bbbbbb");
  CHECK(of_labels("stage") == "abceab");
  CHECK(of_labels("stage,version=2") == "bcbcbc");
  CHECK(of_labels("version=") == "eeeeee");
  CHECK(of_labels("") == "abcdea");
  CHECK(of_labels(" , ,") == "abcdea");
}

TEST_CASE("subset: the fallback decides if no member has the labels") {
  CHECK(of_labels("version=3") == "(refused)(refused)(refused)(refused)(refused)(refused)");
  CHECK(of_labels("=x") == of_labels("version=3"));
  CHECK(of_labels("version=3", subset_fallback::any) == "abcdea");
  CHECK(of_labels("version=3", subset_fallback::default_subset, "stage=prod") == "abeabe");
  CHECK(of_labels("version=3", subset_fallback::default_subset, "stage=x") == of_labels("version=3"));
  CHECK(of_labels("version=2", subset_fallback::default_subset, "stage=prod") == "bcdbcd");
}

TEST_CASE("subset: members that are down are still a subset that keeps its work") {
  for (auto fallback : {subset_fallback::none, subset_fallback::any}) {
    pool<labelled> pool;
    pool.assign(five);
    balancer lb{pool, subset{"version=2", round_robin{}, fallback}, 0};
    auto picker = lb.make_picker();
    pool.set(pool.find("b"), health_flag::down);
    CHECK(next(picker, 4) == "cdcd");
    pool.refresh();
    CHECK(next(picker, 4).find_first_of("abe") == std::string::npos);
    pool.set(pool.find("c"), health_flag::down), pool.set(pool.find("d"), health_flag::down);
    CHECK(next(picker, 1) == "(all_down)");
    pool.refresh();
    CHECK(next(picker, 1) == "(all_down)");
    pool.remove(pool.find("b")), pool.remove(pool.find("c")), pool.remove(pool.find("d"));
    CHECK(next(picker, 1) == (fallback == subset_fallback::any ? "a" : "(refused)"));
    pool.add({"f", "2", ""});
    CHECK(next(picker, 2) == "ff");
  }
}

TEST_CASE("subset: of any size, its members share by weight and others get nothing") {
  for (std::size_t n : {1u, 2u, 10u, 655u, 656u, 5000u}) {
    std::vector<labelled> all(n);
    for (std::size_t i = 0; i != n; ++i)
      all[i] = {"s" + std::to_string(i), i % 3 == 0 ? "2" : "1", "", static_cast<std::uint32_t>(1 + i * 7 % 5)};
    pool<labelled> pool;
    pool.assign(all);
    balancer lb{pool, subset{"version=2", smooth_weighted_round_robin{}, subset_fallback::none}, 0};
    auto picker = lb.make_picker();
    std::uint64_t weight = 0;
    for (std::size_t i = 0; i < n; i += 3) {
      if (i % 2 != 0 && n > 2)
        pool.set(pool.find(all[i].name), health_flag::down);
      else
        weight += all[i].weight;
    }
    pool.refresh();
    std::map<std::string, std::uint64_t> count;
    for (std::uint64_t i = 0; i != 3 * weight; ++i) ++count[picker.select()->name];
    for (std::size_t i = 0; i != n; ++i) {
      bool const in_use = i % 3 == 0 && (i % 2 == 0 || n <= 2);
      REQUIRE(count[all[i].name] == (in_use ? 3 * all[i].weight : 0));
    }
  }
}

TEST_CASE("subset: a key keeps its owner when members outside of the subset come and go") {
  pool<labelled> pool;
  for (int i = 0; i != 60; ++i) pool.add({"s" + std::to_string(i), i % 2 == 0 ? "2" : "1", ""});
  balancer lb{pool, subset{"version=2", maglev{}, subset_fallback::none}, 0};
  auto picker = lb.make_picker();
  std::vector<backend_id> before;
  for (int k = 0; k != 2000; ++k) before.push_back(picker.select(k).id());
  for (int i = 1; i < 60; i += 4) pool.remove(pool.find("s" + std::to_string(i)));
  for (int i = 0; i != 10; ++i) pool.add({"new" + std::to_string(i), "1", ""});
  for (int k = 0; k != 2000; ++k) REQUIRE(picker.select(k).id() == before[static_cast<std::size_t>(k)]);
}

TEST_CASE("subset: a panic inside counts the members of the subset alone") {
  pool<labelled> pool;
  pool.assign(five);
  balancer lb{pool, subset{"version=2", panic{round_robin{}, panic_action::all}, subset_fallback::none}, 0};
  auto picker = lb.make_picker();
  pool.set(pool.find("b"), health_flag::down), pool.set(pool.find("c"), health_flag::down);
  CHECK(picker.explain().notes == std::vector<std::string>{"panic: 1 of 3 healthy, threshold 50 %"});
  auto const names = next(picker, 300);
  for (char c : {'b', 'c', 'd'}) CHECK(std::count(names.begin(), names.end(), c) == 100);
}

TEST_CASE("subset: explain says which members are not in the subset, and why there is none") {
  pool<labelled> pool;
  pool.assign(five);
  balancer lb{pool, subset{"version=2,stage=prod", round_robin{}, subset_fallback::none}, 0};
  CHECK(lb.explain().text() ==
        "b was chosen by subset{round_robin, labels=\"version=2,stage=prod\", fallback=none} (weight 1, in_flight 0); "
        "4 not in the subset.");
  balancer none{pool, subset{"x", round_robin{}, subset_fallback::none}, 0};
  CHECK_THAT(none.explain().text(), ContainsSubstring("refused, no backend has the labels of the subset; 5 not in"));
}

TEST_CASE("subset: policy_registry reads the labels and demands the fallback") {
  auto const registry = policy_registry::standard();
  for (std::string text : {"subset{maglev, labels=\"version=2\", fallback=any}",
                           "subset{round_robin, labels=\"a=1,b\", fallback=default_subset, default_labels=\"a=2\"}",
                           "failover{subset{round_robin, labels=canary, fallback=none}}"})
    CHECK(registry.make(text).describe() == text);
  std::string why;
  CHECK(!registry.try_make("subset{maglev, labels=canary}", &why));
  CHECK_THAT(why, ContainsSubstring("needs its parameter fallback: subset{…, labels=…, fallback=…}"));
  CHECK(!registry.try_make("subset{maglev, labels=canary, fallback=all}", &why));
  CHECK_THAT(why, ContainsSubstring("subset::fallback 'all' is not none, any or default_subset"));
  CHECK_THROWS_WITH(subset("x", round_robin{}, static_cast<subset_fallback>(3)),
                    ContainsSubstring("subset::fallback 3"));
}

}  // namespace subset_test
