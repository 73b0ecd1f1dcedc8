// SPDX-License-Identifier: MIT
// Replacing all members at once never shows an empty pool. Neither does moving all weight to other members.
#include "workers.hpp"

namespace {

std::vector<workers::backend> fleet_named(std::string const& name) {
  return {{name + "1"}, {name + "2"}, {name + "3"}};
}

template <class Policy, class Found>
void never_empty(Policy policy, int rounds, Found found) {
  INFO(equipoise::describe(policy));
  equipoise::pool<workers::backend> pool{{.capacity = 64}};
  pool.assign(fleet_named("blue"));
  equipoise::balancer lb{pool, std::move(policy), 1};
  workers::counter empty;
  workers::run_with_writer(
      3,
      [&] {
        for (int round = 0; round != rounds; ++round) {
          pool.assign(fleet_named(round % 2 == 0 ? "green" : "blue"));
          pool.refresh();
        }
      },
      [&](unsigned, auto const& go_on) {
        auto picker = lb.make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn)
          if (!found(lb, picker, turn)) empty.add();
      });
  CHECK(empty.count() == 0);
  pool.for_each([&](auto id, auto const&, auto const&, auto) { CHECK(pool.in_flight(id) == 0); });
}

constexpr auto finds_choice = [](auto&, auto& picker, std::uint64_t turn) { return bool(select(picker, turn)); };
constexpr auto finds_lease = [](auto&, auto& picker, std::uint64_t turn) { return bool(acquire(picker, turn)); };
// bounded_load may find all members full while the counts move. That is no empty pool.
constexpr auto finds_lease_or_no_room = [](auto&, auto& picker, std::uint64_t turn) {
  auto const lease = acquire(picker, turn);
  return lease || lease.error() == equipoise::pick_error::all_saturated;
};

}  // namespace

TEST_CASE("replacing all members at once never shows select an empty pool", "[replacement]") {
  never_empty(equipoise::round_robin{}, 6000, finds_choice);
  workers::for_each_standard_policy([](auto policy) { never_empty(std::move(policy), 100, finds_choice); });
}

TEST_CASE("replacing all members at once never shows acquire an empty pool", "[replacement]") {
  never_empty(equipoise::least_connections{}, 6000, finds_lease);
  workers::for_each_standard_policy([](auto policy) { never_empty(std::move(policy), 100, finds_lease_or_no_room); });
}

TEST_CASE("replacing all members at once never shows any other pick an empty pool", "[replacement]") {
  SECTION("a shared picker, replicas or explain, with a key") {
    never_empty(equipoise::ring_hash{}, 6000, [](auto& lb, auto& picker, auto turn) {
      if (turn % 4 == 0) return bool(lb.acquire(turn));
      if (turn % 4 == 1) return bool(picker.select(turn));
      std::array<equipoise::backend_id, 3> three;
      if (turn % 4 == 2) return picker.select_n(turn, three) == 3;
      return picker.explain(turn).error == equipoise::pick_error::none;
    });
  }
  SECTION("an erased policy") {
    never_empty(equipoise::any_policy{equipoise::power_of_two{}}, 6000, [](auto&, auto& picker, auto turn) {
      return turn % 2 == 0 ? bool(picker.select()) : bool(picker.acquire());
    });
  }
}

TEST_CASE("moving all weight to other members in one change never shows an empty pool", "[replacement]") {
  using balancer = equipoise::balancer<workers::backend, equipoise::round_robin>;
  equipoise::pool<workers::backend> pool;
  std::array<equipoise::backend_id, 2> ids;
  pool.change([&](auto& transaction) {
    ids = {transaction.add({"a"}, {.weight = 1}), transaction.add({"b"}, {.weight = 0})};
  });
  // The pool tells one balancer after the other. With many of them, some time passes between the first and the last.
  std::vector<std::unique_ptr<balancer>> all;
  for (unsigned i = 0; i != 50; ++i) all.push_back(std::make_unique<balancer>(pool, equipoise::round_robin{}, i));
  workers::counter empty;
  workers::run_with_writer(
      3,
      [&] {
        for (unsigned round = 0; round != 6000; ++round)
          pool.change([&](auto& transaction) {
            transaction.update(ids[0], {.weight = round % 2});
            transaction.update(ids[1], {.weight = 1 - round % 2});
          });
      },
      [&](unsigned, auto const& go_on) {
        auto first = all.front()->make_picker(), last = all.back()->make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          auto& picker = turn % 4 < 2 ? first : last;
          if (turn % 2 == 0 ? !picker.select() : !picker.acquire()) empty.add();
        }
      });
  CHECK(empty.count() == 0);
}
