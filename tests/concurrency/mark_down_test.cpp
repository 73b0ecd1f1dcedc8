// After set(down) returned, no pick that starts later gets that backend.
#include "workers.hpp"

#include <equipoise/policy/any_policy.hpp>

namespace {

struct host {
  std::string name;
  std::size_t number;
};
std::string_view key_of(host const& h) { return h.name; }

// One counter a backend: odd from after set() returned until before clear() begins. Read-modify-writes on both sides,
// so that a pick between two equal odd readings lies wholly in that time.
struct marks {
  static constexpr std::size_t backends = 5;
  std::array<std::atomic<std::uint32_t>, backends> turns{};

  std::uint32_t look(std::size_t i) { return turns[i].fetch_add(0, std::memory_order_acq_rel); }
  void flip(std::size_t i) { turns[i].fetch_add(1, std::memory_order_acq_rel); }
};

template <class Policy, class Pick>
void never_after_mark_down(Policy policy, Pick pick) {
  equipoise::pool<host> pool{{.counter_stripes = 2}};
  std::vector<equipoise::backend_id> ids;
  for (std::size_t i = 0; i != marks::backends; ++i) ids.push_back(pool.add({"h" + std::to_string(i), i}));
  equipoise::balancer lb{pool, std::move(policy), 7};

  marks m;
  crowd::tally late, picks;
  crowd::shift shift;
  shift.run(
      3,
      [&] {
        for (std::size_t round = 0; round != 6000; ++round) {
          std::size_t const i = round % marks::backends;
          pool.set(ids[i], equipoise::health_flag::down);
          m.flip(i);
          if (round % 3 == 0) pool.refresh();
          if (round % 7 == 0) std::this_thread::yield();
          m.flip(i);
          pool.clear(ids[i], equipoise::health_flag::down);
          if (round % 5 == 0) pool.refresh();
        }
      },
      [&](unsigned) {
        auto picker = lb.make_picker();
        std::uint64_t turn = 0;
        for (; shift.goes_on(turn); ++turn) {
          std::array<std::uint32_t, marks::backends> before;
          for (std::size_t i = 0; i != marks::backends; ++i) before[i] = m.look(i);
          auto const who = pick(lb, picker, turn);
          if (who < marks::backends && before[who] % 2 == 1 && m.look(who) == before[who]) late.add();
        }
        picks.add(turn);
      });
  CHECK(late.count() == 0);
  CHECK(picks.count() >= 600);
  for (auto id : ids) CHECK(pool.in_flight(id) == 0);
}

constexpr std::size_t nobody = 99;

}  // namespace

TEST_CASE("a mark-down is never followed by a select that starts later", "[mark_down]") {
  never_after_mark_down(equipoise::round_robin{}, [](auto&, auto& picker, std::uint64_t) {
    auto const choice = picker.select();
    return choice ? choice->number : nobody;
  });
}

TEST_CASE("a mark-down is never followed by a lease that starts later", "[mark_down]") {
  never_after_mark_down(equipoise::least_connections{}, [](auto&, auto& picker, std::uint64_t) {
    auto const lease = picker.acquire();
    return lease ? lease->number : nobody;
  });
}

TEST_CASE("a mark-down is never followed by a later pick of a shared picker, of an erased policy, or of replicas",
          "[mark_down]") {
  never_after_mark_down(equipoise::any_policy{equipoise::power_of_two{}},
                        [](auto& lb, auto& picker, std::uint64_t turn) {
                          if (turn % 3 == 0) {
                            auto const lease = lb.acquire();
                            return lease ? lease->number : nobody;
                          }
                          if (turn % 3 == 1) {
                            auto const choice = picker.select();
                            return choice ? choice->number : nobody;
                          }
                          std::array<equipoise::backend_id, 1> one;
                          if (picker.select_n(one) == 0) return nobody;
                          auto const lease = picker.acquire();
                          return lease ? lease->number : nobody;
                        });
}
