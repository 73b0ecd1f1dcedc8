// Replacing all members at once, or handing all weight over, never shows an empty pool.
#include "workers.hpp"

#include <equipoise/policy/any_policy.hpp>

namespace {

struct host {
  std::string name;
};
std::string_view key_of(host const& h) { return h.name; }

std::vector<host> colour(std::string const& name) { return {{name + "1"}, {name + "2"}, {name + "3"}}; }

template <class Policy, class Found>
void never_empty(Policy policy, Found found) {
  equipoise::pool<host> pool{{.capacity = 64}};
  pool.assign(colour("blue"));
  equipoise::balancer lb{pool, std::move(policy), 1};
  crowd::tally nobody;
  crowd::shift shift;
  shift.run(
      3,
      [&] {
        for (int round = 0; round != 6000; ++round) {
          pool.assign(colour(round % 2 == 0 ? "green" : "blue"));
          pool.refresh();
        }
      },
      [&](unsigned) {
        auto picker = lb.make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn)
          if (!found(lb, picker, turn)) nobody.add();
      });
  CHECK(nobody.count() == 0);
  pool.for_each([&](auto id, auto const&, auto const&, auto) { CHECK(pool.in_flight(id) == 0); });
}

}  // namespace

TEST_CASE("replacing all members at once never shows select an empty pool", "[replacement]") {
  never_empty(equipoise::round_robin{}, [](auto&, auto& picker, auto) { return bool(picker.select()); });
}

TEST_CASE("replacing all members at once never shows acquire an empty pool", "[replacement]") {
  never_empty(equipoise::least_connections{}, [](auto&, auto& picker, auto) { return bool(picker.acquire()); });
}

TEST_CASE("replacing all members at once never shows a keyed or erased policy, replicas or explain an empty pool",
          "[replacement]") {
  never_empty(equipoise::ring_hash{}, [](auto& lb, auto& picker, auto turn) {
    if (turn % 4 == 0) return bool(lb.acquire(turn));
    if (turn % 4 == 1) return bool(picker.select(turn));
    std::array<equipoise::backend_id, 3> three;
    if (turn % 4 == 2) return picker.select_n(turn, three) == 3;
    return picker.explain(turn).error == equipoise::pick_error::none;
  });
  never_empty(equipoise::any_policy{equipoise::power_of_two{}}, [](auto&, auto& picker, auto turn) {
    return turn % 2 == 0 ? bool(picker.select()) : bool(picker.acquire());
  });
}

TEST_CASE("handing all weight over to others in one change never shows an empty pool", "[replacement]") {
  using balancer = equipoise::balancer<host, equipoise::round_robin>;
  equipoise::pool<host> pool;
  std::array<equipoise::backend_id, 2> ids;
  pool.change([&](auto& transaction) {
    ids = {transaction.add({"a"}, {.weight = 1}), transaction.add({"b"}, {.weight = 0})};
  });
  // One is told of a change after the other: with many there is time between what the first and what the last one sees.
  std::vector<std::unique_ptr<balancer>> all;
  for (unsigned i = 0; i != 50; ++i) all.push_back(std::make_unique<balancer>(pool, equipoise::round_robin{}, i));
  crowd::tally nobody;
  crowd::shift shift;
  shift.run(
      3,
      [&] {
        for (unsigned round = 0; round != 6000; ++round)
          pool.change([&](auto& transaction) {
            transaction.update(ids[0], {.weight = round % 2});
            transaction.update(ids[1], {.weight = 1 - round % 2});
          });
      },
      [&](unsigned) {
        auto first = all.front()->make_picker(), last = all.back()->make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          auto& picker = turn % 4 < 2 ? first : last;
          if (turn % 2 == 0 ? !picker.select() : !picker.acquire()) nobody.add();
        }
      });
  CHECK(nobody.count() == 0);
}
