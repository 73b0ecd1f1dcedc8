// Pickers made, rested, moved between threads and ended while snapshots are published; several balancers on one pool;
// and the bound on what waits to be reclaimed.
#include "workers.hpp"

#include <equipoise/policy/any_policy.hpp>

namespace {

struct host {
  std::string name;
  std::size_t number;
  friend bool operator==(host const&, host const&) = default;
};
std::string_view key_of(host const& h) { return h.name; }

std::vector<host> hosts(std::size_t n, std::size_t version) {
  std::vector<host> all;
  for (std::size_t i = 0; i != n; ++i) all.push_back({"h" + std::to_string(i), i % 2 == 0 ? 0 : version});
  return all;
}

}  // namespace

TEST_CASE("pickers may be made, rested, moved between threads and ended while snapshots are published", "[pickers]") {
  equipoise::pool<host> pool;
  pool.assign(hosts(6, 0));
  equipoise::balancer lb{pool, equipoise::round_robin{}, 1};
  using picker = decltype(lb)::picker_type;
  std::mutex mutex;
  std::vector<picker> lent;
  crowd::tally nobody;
  crowd::shift shift;
  shift.run(
      4,
      [&] {
        for (std::size_t version = 1; version != 8000; ++version) {
          pool.assign(hosts(6, version));
          if (version % 3 == 0) pool.refresh();
        }
      },
      [&](unsigned worker) {
        auto mine = lb.make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          auto const choice = mine.select();
          if (!choice || choice->name.empty()) nobody.add();
          switch ((turn + worker) % 6) {
            case 0:
              mine = lb.make_picker();
              break;  // the old one ends
            case 1:
              mine.release();
              break;
            case 2: {
              std::lock_guard const lock{mutex};
              lent.push_back(std::move(mine));
              mine = std::move(lent.front());
              lent.erase(lent.begin());
              break;
            }
            case 3: {
              std::lock_guard const lock{mutex};
              if (lent.empty()) lent.push_back(lb.make_picker());
              break;
            }
            default:
              break;
          }
        }
      });
  lent.clear();
  CHECK(nobody.count() == 0);
  pool.refresh();
  auto const waiting = pool.waiting();
  CHECK(waiting.snapshots + waiting.lists + waiting.records + waiting.slots == 0);
}

TEST_CASE("after each publish and each refresh, a balancer's old snapshots are no more than its pickers", "[pickers]") {
  constexpr unsigned workers = 3;
  equipoise::pool<host> pool;
  pool.assign(hosts(4, 0));
  equipoise::balancer one{pool, equipoise::round_robin{}, 1};
  equipoise::balancer two{pool, equipoise::random{}, 2};
  std::size_t most_snapshots = 0, most_lists = 0;
  crowd::shift shift;
  shift.run(
      workers,
      [&] {
        for (std::size_t version = 1; version != 15'000; ++version) {
          pool.assign(hosts(4, version));
          auto const waiting = pool.waiting();
          most_snapshots = std::max(most_snapshots, waiting.snapshots);
          most_lists = std::max(most_lists, waiting.lists);
        }
      },
      [&](unsigned) {
        auto a = one.make_picker();
        auto b = two.make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          static_cast<void>(a.select());
          if (turn % 3 == 0) static_cast<void>(b.select());
        }
      });
  CHECK(most_snapshots <= 2 * workers);
  CHECK(most_lists <= 2 * workers);
  pool.refresh();
  CHECK(pool.waiting().snapshots == 0);
}

TEST_CASE("balancers come and go on one pool while others pick and the pool changes", "[pickers]") {
  equipoise::pool<host> pool;
  pool.assign(hosts(5, 0));
  equipoise::balancer lasting{pool, equipoise::any_policy{equipoise::maglev{}}, 1};
  crowd::tally nobody;
  crowd::shift shift;
  shift.run(
      3,
      [&] {
        for (std::size_t version = 1; version != 100; ++version) pool.assign(hosts(5, version));
      },
      [&](unsigned worker) {
        auto picker = lasting.make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          if (!picker.select(turn)) nobody.add();
          if (turn % 20 != 0) continue;
          equipoise::balancer passing{pool, equipoise::least_connections{}, worker};
          auto p = passing.make_picker();
          auto const lease = p.acquire();
          auto const shared = passing.acquire();
          if (!lease || !shared) nobody.add();
        }
      });
  CHECK(nobody.count() == 0);
  pool.refresh();
  auto const waiting = pool.waiting();
  CHECK(waiting.snapshots + waiting.lists + waiting.records + waiting.slots == 0);
}

TEST_CASE("any number of threads may acquire from a balancer itself, and a key stays with the name it had",
          "[pickers]") {
  equipoise::pool<host> pool{{.counter_stripes = 2}};
  pool.assign(hosts(3, 0));
  equipoise::balancer plain{pool, equipoise::round_robin{}, 1};
  equipoise::balancer by_key{pool, equipoise::ring_hash{}, 1};
  crowd::tally nobody, elsewhere;
  crowd::shift shift;
  shift.run(
      12,  // more than there are places
      [&] {
        for (std::size_t version = 1; version != 1000; ++version) pool.assign(hosts(3, version));
      },
      [&](unsigned worker) {
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          auto const lease = plain.acquire();
          auto const a = by_key.acquire(worker);
          auto const b = by_key.acquire(worker);
          if (!lease || !a || !b) nobody.add();
          if (a && b && a->name != b->name) elsewhere.add();  // also while one of them is being replaced
          if (turn % 50 == 0 && plain.explain().error != equipoise::pick_error::none) nobody.add();
        }
      });
  CHECK(nobody.count() == 0);
  CHECK(elsewhere.count() == 0);
  pool.for_each([&](auto id, auto const&, auto const&, auto) { CHECK(pool.in_flight(id) == 0); });
}
