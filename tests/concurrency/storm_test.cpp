// Storms of set, clear and settle: reasons are bits of one word and cannot disturb each other, and the observer hears
// each change once, on the thread that made it.
#include "workers.hpp"

namespace {

struct host {
  std::string name;
};
std::string_view key_of(host const& h) { return h.name; }

constexpr std::size_t backends = 4, threads = 4;
constexpr equipoise::health_flag own[threads] = {equipoise::health_flag::down, equipoise::health_flag::ejected,
                                                 equipoise::health_flag::maintenance, equipoise::health_flag::user_2};

// Each thread keeps what it last heard of its own bit.
struct heard {
  crowd::tally events, wrong;
};
thread_local std::size_t me = threads;

void listen(void* context, equipoise::event const& e) noexcept {
  auto& h = *static_cast<heard*>(context);
  h.events.add();
  if (me == threads) return;
  auto const bits_changed = static_cast<std::uint32_t>(e.before) ^ static_cast<std::uint32_t>(e.after);
  if (bits_changed != static_cast<std::uint32_t>(own[me])) h.wrong.add();
}

}  // namespace

TEST_CASE("reasons set and cleared by many threads keep apart, and each change is observed once", "[storm]") {
  heard h;
  equipoise::pool<host> pool{{.observer = &listen, .context = &h}};
  std::vector<equipoise::backend_id> ids;
  for (std::size_t i = 0; i != backends; ++i) ids.push_back(pool.add({"h" + std::to_string(i)}));
  equipoise::balancer lb{pool, equipoise::smooth_weighted_round_robin{}, 1};

  std::array<std::array<bool, backends>, threads> last{};
  std::array<std::uint64_t, threads> changes{};
  crowd::tally refused, contradictions;
  crowd::shift shift;
  shift.run(
      threads + 1,
      [&] {
        for (int i = 0; i != 4000; ++i) pool.refresh();
      },
      [&](unsigned t) {
        if (t == threads) {
          auto picker = lb.make_picker();
          for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
            auto const choice = picker.select();
            if (!choice && choice.error() != equipoise::pick_error::all_down) contradictions.add();
          }
          return;
        }
        me = t;
        std::uint64_t dice = t;
        for (int turn = 0; turn != 30'000; ++turn) {
          dice = equipoise::mix(dice + 1);
          std::size_t const i = dice % backends;
          bool const on = dice >> 32 & 1;
          if (!(on ? pool.set(ids[i], own[t]) : pool.clear(ids[i], own[t]))) refused.add();
          changes[t] += last[t][i] != on;
          last[t][i] = on;
          bool const is_on = (pool.health(ids[i]) & own[t]) != equipoise::health_flag::none;
          if (is_on != on) contradictions.add();
        }
      });

  CHECK(refused.count() == 0);
  CHECK(contradictions.count() == 0);
  CHECK(h.wrong.count() == 0);
  std::uint64_t sum = 0;
  for (auto n : changes) sum += n;
  CHECK(h.events.count() == sum);
  for (std::size_t i = 0; i != backends; ++i) {
    auto expected = equipoise::health_flag::none;
    for (std::size_t t = 0; t != threads; ++t)
      if (last[t][i]) expected = expected | own[t];
    CHECK(pool.health(ids[i]) == expected);
  }

  // At rest a refresh() has seen every change: the table holds the well ones alone.
  for (auto id : ids)
    for (auto r : own) pool.clear(id, r);
  pool.set(ids[0], equipoise::health_flag::down);
  pool.refresh();
  auto picker = lb.make_picker();
  for (std::size_t i = 0; i != 3 * backends; ++i) CHECK(picker.select().id() != ids[0]);
}

TEST_CASE("late news about a former owner of a slot never reach its successor", "[storm]") {
  equipoise::pool<host> pool{{.capacity = 3}};
  equipoise::balancer lb{pool, equipoise::round_robin{}, 1};
  constexpr std::size_t rounds = 10'000;
  std::vector<equipoise::backend_id> ids(rounds);
  std::atomic<std::size_t> newest{0};
  crowd::tally harmed, stale, revived;
  crowd::shift shift;
  shift.run(
      3,
      [&] {
        for (std::size_t round = 0; round != rounds; ++round) {
          ids[round] = pool.add({"h"});
          newest.store(round, std::memory_order_release);
          if (pool.health(ids[round]) != equipoise::health_flag::none) harmed.add();
          pool.remove(ids[round]);
          if (pool.health(ids[round]) != equipoise::health_flag::removed) revived.add();
          do pool.refresh();
          while (pool.waiting().slots > 1);  // a lease, or one being refused, keeps a slot for a moment
        }
      },
      [&](unsigned worker) {
        auto picker = lb.make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          std::size_t const now = newest.load(std::memory_order_acquire);
          if (now >= 2) {  // long removed
            if (worker % 2 == 0 ? pool.set(ids[now - 2], equipoise::health_flag::down)
                                : pool.clear(ids[now - 2], equipoise::health_flag::down))
              stale.add(0);
            else
              stale.add();
          }
          auto const lease = picker.acquire();
          if (lease && lease->name != "h") harmed.add();
        }
      });
  CHECK(harmed.count() == 0);
  CHECK(revived.count() == 0);
  CHECK(pool.stale_reports() == stale.count());
}
