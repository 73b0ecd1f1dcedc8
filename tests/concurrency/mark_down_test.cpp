// SPDX-License-Identifier: MIT
// After set(down) returned, no pick that starts later gets that backend.
#include "workers.hpp"

namespace {

// One counter for each backend. It is odd from after set() returned until before clear() begins. Both sides use
// read-modify-writes, so a pick between two equal odd readings lies entirely in that time.
struct down_periods {
  static constexpr std::size_t members = 5;
  std::array<std::atomic<std::uint32_t>, members> turns{};

  std::uint32_t read(std::size_t i) { return turns[i].fetch_add(0, std::memory_order_acq_rel); }
  void flip(std::size_t i) { turns[i].fetch_add(1, std::memory_order_acq_rel); }
};

constexpr std::size_t no_number = 99;

template <class Policy, class Pick>
void never_picked_after_mark_down(Policy policy, std::size_t rounds, Pick pick) {
  INFO(equipoise::describe(policy));
  equipoise::pool<workers::backend> pool{{.counter_stripes = 2}};
  std::vector<equipoise::backend_id> ids;
  for (std::size_t i = 0; i != down_periods::members; ++i) ids.push_back(pool.add({"h" + std::to_string(i), i}));
  equipoise::balancer lb{pool, std::move(policy), 7};

  down_periods periods;
  workers::counter late, picks;
  workers::run_with_writer(
      3,
      [&] {
        for (std::size_t round = 0; round != rounds; ++round) {
          std::size_t const i = round % down_periods::members;
          pool.set(ids[i], equipoise::health_flag::down);
          periods.flip(i);
          if (round % 3 == 0) pool.refresh();
          if (round % 7 == 0) std::this_thread::yield();
          periods.flip(i);
          pool.clear(ids[i], equipoise::health_flag::down);
          if (round % 5 == 0) pool.refresh();
        }
      },
      [&](unsigned, auto const& go_on) {
        auto picker = lb.make_picker();
        std::uint64_t turn = 0;
        for (; go_on(turn); ++turn) {
          std::array<std::uint32_t, down_periods::members> before;
          for (std::size_t i = 0; i != down_periods::members; ++i) before[i] = periods.read(i);
          auto const picked = pick(lb, picker, turn);
          if (picked < down_periods::members && before[picked] % 2 == 1 && periods.read(picked) == before[picked])
            late.add();
        }
        picks.add(turn);
      });
  CHECK(late.count() == 0);
  CHECK(picks.count() >= 600);
  for (auto id : ids) CHECK(pool.in_flight(id) == 0);
}

constexpr auto number_selected = [](auto&, auto& picker, std::uint64_t turn) {
  auto const choice = select(picker, turn);
  return choice ? choice->number : no_number;
};
constexpr auto number_acquired = [](auto&, auto& picker, std::uint64_t turn) {
  auto const lease = acquire(picker, turn);
  return lease ? lease->number : no_number;
};

}  // namespace

TEST_CASE("a mark-down is never followed by a select that starts later", "[mark_down]") {
  never_picked_after_mark_down(equipoise::round_robin{}, 6000, number_selected);
  workers::for_each_standard_policy(
      [](auto policy) { never_picked_after_mark_down(std::move(policy), 200, number_selected); });
}

TEST_CASE("a mark-down is never followed by a lease that starts later", "[mark_down]") {
  never_picked_after_mark_down(equipoise::least_connections{}, 6000, number_acquired);
  workers::for_each_standard_policy(
      [](auto policy) { never_picked_after_mark_down(std::move(policy), 200, number_acquired); });
}

// The picks are those of a shared picker, of an erased policy, and of a worker that asked for replicas before.
TEST_CASE("a mark-down is never followed by a later pick of any other kind", "[mark_down]") {
  never_picked_after_mark_down(equipoise::any_policy{equipoise::power_of_two{}}, 6000,
                               [](auto& lb, auto& picker, std::uint64_t turn) {
                                 if (turn % 3 == 0) {
                                   auto const lease = lb.acquire();
                                   return lease ? lease->number : no_number;
                                 }
                                 if (turn % 3 == 1) {
                                   auto const choice = picker.select();
                                   return choice ? choice->number : no_number;
                                 }
                                 std::array<equipoise::backend_id, 1> one;
                                 if (picker.select_n(one) == 0) return no_number;
                                 auto const lease = picker.acquire();
                                 return lease ? lease->number : no_number;
                               });
}
