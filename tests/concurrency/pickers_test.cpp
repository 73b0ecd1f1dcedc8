// SPDX-License-Identifier: MIT
// Pickers are made, released, moved between threads and destroyed while snapshots are published. Several balancers
// share one pool. The memory that waits to be reclaimed is bounded.
#include "workers.hpp"

namespace {

// Members with an odd number are new objects in each version.
std::vector<workers::backend> members_of_version(std::size_t n, std::size_t version) {
  std::vector<workers::backend> all;
  for (std::size_t i = 0; i != n; ++i) all.push_back({"h" + std::to_string(i), i % 2 == 0 ? 0 : version});
  return all;
}

}  // namespace

TEST_CASE("pickers may be made, released, moved and destroyed while snapshots are published", "[pickers]") {
  equipoise::pool<workers::backend> pool;
  pool.assign(members_of_version(6, 0));
  equipoise::balancer lb{pool, equipoise::round_robin{}, 1};
  using picker = decltype(lb)::picker_type;
  std::mutex mutex;
  std::vector<picker> lent;
  workers::counter not_found;
  workers::run_with_writer(
      4,
      [&] {
        for (std::size_t version = 1; version != 8000; ++version) {
          pool.assign(members_of_version(6, version));
          if (version % 3 == 0) pool.refresh();
        }
      },
      [&](unsigned worker, auto const& go_on) {
        auto mine = lb.make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          auto const choice = mine.select();
          if (!choice || choice->name.empty()) not_found.add();
          switch ((turn + worker) % 6) {
            case 0:
              mine = lb.make_picker();
              break;  // destroys the old one
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
  CHECK(not_found.count() == 0);
  pool.refresh();
  auto const waiting = pool.waiting();
  CHECK(waiting.snapshots + waiting.lists + waiting.records + waiting.slots == 0);
}

// Checked after each publish, and after the last refresh.
TEST_CASE("a balancer's old snapshots are never more than its pickers", "[pickers]") {
  constexpr unsigned threads = 3;
  equipoise::pool<workers::backend> pool;
  pool.assign(members_of_version(4, 0));
  equipoise::balancer one{pool, equipoise::round_robin{}, 1};
  equipoise::balancer two{pool, equipoise::random{}, 2};
  std::size_t most_snapshots = 0, most_lists = 0;
  workers::run_with_writer(
      threads,
      [&] {
        for (std::size_t version = 1; version != 15'000; ++version) {
          pool.assign(members_of_version(4, version));
          auto const waiting = pool.waiting();
          most_snapshots = std::max(most_snapshots, waiting.snapshots);
          most_lists = std::max(most_lists, waiting.lists);
        }
      },
      [&](unsigned, auto const& go_on) {
        auto a = one.make_picker();
        auto b = two.make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          static_cast<void>(a.select());
          if (turn % 3 == 0) static_cast<void>(b.select());
        }
      });
  CHECK(most_snapshots <= 2 * threads);
  CHECK(most_lists <= 2 * threads);
  pool.refresh();
  CHECK(pool.waiting().snapshots == 0);
}

TEST_CASE("balancers come and go on one pool while other balancers pick and it changes", "[pickers]") {
  equipoise::pool<workers::backend> pool;
  pool.assign(members_of_version(5, 0));
  equipoise::balancer permanent{pool, equipoise::any_policy{equipoise::maglev{}}, 1};
  workers::counter not_found;
  workers::run_with_writer(
      3,
      [&] {
        for (std::size_t version = 1; version != 100; ++version) pool.assign(members_of_version(5, version));
      },
      [&](unsigned worker, auto const& go_on) {
        auto picker = permanent.make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          if (!picker.select(turn)) not_found.add();
          if (turn % 20 != 0) continue;
          equipoise::balancer temporary{pool, equipoise::least_connections{}, worker};
          auto p = temporary.make_picker();
          auto const lease = p.acquire();
          auto const shared = temporary.acquire();
          if (!lease || !shared) not_found.add();
        }
      });
  CHECK(not_found.count() == 0);
  pool.refresh();
  auto const waiting = pool.waiting();
  CHECK(waiting.snapshots + waiting.lists + waiting.records + waiting.slots == 0);
}

TEST_CASE("any number of threads may acquire from a balancer, and a key keeps its backend", "[pickers]") {
  equipoise::pool<workers::backend> pool{{.counter_stripes = 2}};
  pool.assign(members_of_version(3, 0));
  equipoise::balancer plain{pool, equipoise::round_robin{}, 1};
  equipoise::balancer by_key{pool, equipoise::ring_hash{}, 1};
  workers::counter not_found, moved_keys;
  workers::run_with_writer(
      12,  // more than the balancer keeps parked pickers
      [&] {
        for (std::size_t version = 1; version != 1000; ++version) pool.assign(members_of_version(3, version));
      },
      [&](unsigned worker, auto const& go_on) {
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          auto const lease = plain.acquire();
          auto const a = by_key.acquire(worker);
          auto const b = by_key.acquire(worker);
          if (!lease || !a || !b) not_found.add();
          if (a && b && a->name != b->name) moved_keys.add();  // also while that backend is replaced
          if (turn % 50 == 0 && plain.explain().error != equipoise::pick_error::none) not_found.add();
        }
      });
  CHECK(not_found.count() == 0);
  CHECK(moved_keys.count() == 0);
  pool.for_each([&](auto id, auto const&, auto const&, auto) { CHECK(pool.in_flight(id) == 0); });
}
