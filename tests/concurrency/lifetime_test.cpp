// SPDX-License-Identifier: MIT
// A backend object is never freed while a lease, or a choice that may still be used, refers to it. Its slot is never
// reused while a lease is held. Counts return to zero, whatever the order in which leases end, and on whatever thread.
#include "workers.hpp"

#include <map>
#include <set>

namespace {

using workers::tracked_backend;

// Simulates service discovery. Each change lists some of eight names, often as new objects. A new object is a new
// membership under the old name.
struct discovery {
  equipoise::pool<tracked_backend>& pool;
  workers::lifetime_log& log;
  std::uint64_t state = 1;
  std::uint32_t made = 0;
  std::array<std::uint32_t, 8> current{};
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::set<std::uint32_t>> issued = {};  // (slot, tag) → numbers

  void change() {
    std::vector<tracked_backend> listed;
    for (std::size_t i = 0; i != current.size(); ++i) {
      state = equipoise::mix(state + i);
      if (state % 4 == 0 && i != 0) {
        current[i] = 0;  // if the name comes back, it is a new membership
        continue;
      }
      if (current[i] == 0 || state % 3 == 0) current[i] = ++made;
      listed.emplace_back("name" + std::to_string(i), current[i], log);
    }
    struct untrack_all {  // the pool did not take what is left in the list
      std::vector<tracked_backend>& backends;
      ~untrack_all() {
        for (auto& b : backends) b.stop_tracking();
      }
    } const at_the_end{listed};
    pool.assign(std::move(listed));  // moves the elements that it takes, and leaves the list itself
    pool.for_each([&](equipoise::backend_id id, tracked_backend const& b, auto const&, auto) {
      issued[{id.slot, id.tag}].insert(b.number());
    });
  }
};

struct lease_record {
  std::uint32_t slot, tag, number;
};

// Leases that another thread is to end.
struct lease_queue {
  struct held_lease {
    equipoise::lease<tracked_backend> lease;
    tracked_backend::use use;
  };
  std::mutex mutex;
  std::vector<held_lease> held;

  void push(held_lease h) {
    std::lock_guard const lock{mutex};
    held.push_back(std::move(h));
  }
  std::vector<held_lease> take_all() {
    std::lock_guard const lock{mutex};
    return std::exchange(held, {});
  }
};

void leases_across_changes(std::uint32_t stripes, std::uint32_t capacity, bool observations) {
  workers::lifetime_log log;
  std::vector<lease_record> all;
  {
    equipoise::pool<tracked_backend> pool{
        {.capacity = capacity, .counter_stripes = stripes, .observations = observations}};
    discovery source{pool, log};
    source.change();
    equipoise::balancer lb{pool, equipoise::round_robin{}, 3};
    lease_queue queue;
    workers::counter dead, dead_after_handover;
    std::mutex all_mutex;
    workers::run_with_writer(
        3,
        [&] {
          for (int round = 0; round != 3000; ++round) {
#if EQUIPOISE_EXCEPTIONS
            try {
              source.change();
            } catch (std::invalid_argument const&) {  // all slots wait for leases, so nothing has changed
            }
#else
            source.change();
#endif
            pool.refresh();
          }
        },
        [&](unsigned worker, auto const& go_on) {
          auto picker = lb.make_picker();
          std::vector<lease_record> mine;
          std::vector<lease_queue::held_lease> keep;
          std::uint64_t random = worker;
          for (std::uint64_t turn = 0; go_on(turn); ++turn) {
            random = equipoise::mix(random + turn);
            auto lease = random % 8 == 0 ? lb.acquire() : picker.acquire();
            if (!lease) continue;
            tracked_backend::use use{*lease};
            if (!lease->is_alive()) dead.add();
            if (mine.size() < 4000) mine.push_back({lease.id().slot, lease.id().tag, lease->number()});
            if (random % 5 == 0) {
              keep.push_back({std::move(lease), std::move(use)});
            } else if (random % 5 == 1) {
              queue.push({std::move(lease), std::move(use)});
            } else {
              { auto const ended = std::move(use); }
              lease.finish(equipoise::outcome::ok,
                           equipoise::time_point{std::chrono::nanoseconds{static_cast<int>(turn % 7)}});
            }
            if (keep.size() == 4 || random % 64 == 0) keep.clear();
            if (random % 16 == 3)
              for (auto& handed_over : queue.take_all()) {
                if (!handed_over.lease->is_alive()) dead_after_handover.add();
                { auto const ended = std::move(handed_over.use); }
                handed_over.lease.finish(equipoise::outcome::error);
              }
          }
          keep.clear();
          std::lock_guard const lock{all_mutex};
          all.insert(all.end(), mine.begin(), mine.end());
        });
    queue.take_all().clear();

    CHECK(dead.count() == 0);
    CHECK(dead_after_handover.count() == 0);
    for (auto const& [id, number] : source.issued) CHECK(pool.in_flight({id.first, id.second}) == 0);
    std::size_t wrong = 0;
    for (auto const& s : all) {
      auto const at = source.issued.find({s.slot, s.tag});
      wrong += at == source.issued.end() || !at->second.contains(s.number);
    }
    CHECK(wrong == 0);
    CHECK(!all.empty());

    pool.refresh();
    auto const waiting = pool.waiting();
    CHECK(waiting.slots == 0);
    CHECK(waiting.snapshots <= 8);  // the parked pickers behind lb.acquire() hold some
    CHECK(waiting.lists <= 8);
  }
  CHECK(log.destroyed_in_use.count() == 0);
}

}  // namespace

// No object is destroyed while a lease is held, no id names another backend, and the counts end at zero.
TEST_CASE("leases stay good while the membership changes", "[lifetime]") { leases_across_changes(1, 1024, false); }

// The same with observations, and with so few slots that each is reused at once.
TEST_CASE("leases stay good with a counter stripe per worker while slots are reused", "[lifetime]") {
#if EQUIPOISE_EXCEPTIONS
  leases_across_changes(4, 24, true);  // some changes are refused because no slot is free, and change nothing
#else
  leases_across_changes(4, 1024, true);
#endif
}

TEST_CASE("a choice may be read until its picker's next call, whatever the pool does", "[lifetime]") {
  workers::lifetime_log log;
  {
    equipoise::pool<tracked_backend> pool;
    discovery source{pool, log};
    source.change();
    equipoise::balancer first{pool, equipoise::round_robin{}, 1};
    equipoise::balancer second{pool, equipoise::ring_hash{}, 2};
    workers::counter dead, reads;
    workers::run_with_writer(
        3,
        [&] {
          for (int round = 0; round != 3000; ++round) {
            source.change();
            pool.refresh();
          }
        },
        [&](unsigned worker, auto const& go_on) {
          auto const read = [&](auto&& select) {
            std::uint64_t turn = 0;
            for (; go_on(turn); ++turn) {
              auto const choice = select(turn);
              if (!choice) continue;
              tracked_backend::use const use{*choice};
              for (int i = 0; i != 3; ++i) {
                if (!choice->is_alive()) dead.add();
                if (turn % 64 == 0) std::this_thread::yield();
              }
            }
            reads.add(turn);
          };
          if (worker == 0) {
            auto picker = second.make_picker();
            read([&](std::uint64_t turn) { return picker.select(std::to_string(turn)); });
          } else {
            auto picker = first.make_picker();
            read([&](std::uint64_t turn) {
              if (turn % 100 == 0) picker.release();
              return picker.select();
            });
          }
        });
    CHECK(dead.count() == 0);
    CHECK(reads.count() >= 600);
    pool.refresh();
    auto const waiting = pool.waiting();
    CHECK(waiting.snapshots + waiting.lists + waiting.records + waiting.slots == 0);
  }
  CHECK(log.destroyed_in_use.count() == 0);
  CHECK(log.destroyed.count() > 300);
}

TEST_CASE("once the count of a removed backend was zero, no lease on it is ever held again", "[lifetime]") {
  workers::lifetime_log log;
  equipoise::pool<tracked_backend> pool{{.counter_stripes = 3}};
  equipoise::balancer lb{pool, equipoise::round_robin{}, 5};
  std::vector<std::atomic<bool>> finished(2000);  // by number, whether it was removed and its count was zero once
  workers::counter late;
  pool.add({"stays", 0, log});
  workers::run_with_writer(
      3,
      [&] {
        for (std::uint32_t number = 1; number != 400; ++number) {
          auto const id = pool.add({"comes and goes", number, log});
          pool.set(id, equipoise::health_flag::draining);
          pool.clear(id, equipoise::health_flag::draining);
          std::this_thread::yield();
          pool.remove(id);
          while (pool.in_flight(id) != 0) std::this_thread::yield();
          finished[number].store(true, std::memory_order_seq_cst);
        }
      },
      [&](unsigned, auto const& go_on) {
        auto picker = lb.make_picker();
        for (std::uint64_t turn = 0; go_on(turn); ++turn) {
          auto const lease = picker.acquire();
          if (!lease) {
            late.add();  // one backend always stays
            continue;
          }
          if (finished[lease->number()].load(std::memory_order_seq_cst)) late.add();
        }
      });
  CHECK(late.count() == 0);
}
