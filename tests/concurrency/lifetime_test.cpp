// A backend object is never freed under a lease, or under a choice that may still be used; its slot is never given on
// under a lease; counts come back to zero whatever order leases end in, on whatever thread.
#include "workers.hpp"

#include <map>

namespace {

using crowd::guest;
using crowd::relaxed;

// Discovery: each call lists some of eight names; often as new objects, so that a name is a new incarnation.
struct discovery {
  equipoise::pool<guest>& pool;
  crowd::guest_book& book;
  std::uint64_t state = 1;
  std::uint32_t made = 0;
  std::array<std::uint32_t, 8> current{};
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> issued = {};  // (slot, tag) → number

  void change() {
    std::vector<guest> listed;
    for (std::size_t i = 0; i != current.size(); ++i) {
      state = equipoise::mix(state + i);
      if (state % 4 == 0 && i != 0) {
        current[i] = 0;  // whoever comes back is somebody else
        continue;
      }
      if (current[i] == 0 || state % 3 == 0) current[i] = ++made;
      listed.emplace_back("name" + std::to_string(i), current[i], book);
    }
    struct unlisted {  // what the pool did not take is no backend
      std::vector<guest>& guests;
      ~unlisted() {
        for (auto& g : guests) g.leave();
      }
    } const at_the_end{listed};
    pool.assign(std::move(listed));  // its elements; the list itself stays
    pool.for_each([&](equipoise::backend_id id, guest const& g, auto const&, auto) {
      issued[{id.slot, id.tag}] = g.number();
    });
  }
};

struct seen {
  std::uint32_t slot, tag, number;
};

// Leases that wait for another thread to end them.
struct mailbox {
  struct held {
    equipoise::lease<guest> lease;
    guest::reading reading;
  };
  std::mutex mutex;
  std::vector<held> letters;

  void post(held h) {
    std::lock_guard const lock{mutex};
    letters.push_back(std::move(h));
  }
  std::vector<held> collect() {
    std::lock_guard const lock{mutex};
    return std::exchange(letters, {});
  }
};

void leases_across_changes(std::uint32_t rows, std::uint32_t capacity, bool observations) {
  crowd::guest_book book;
  std::vector<seen> all;
  {
    equipoise::pool<guest> pool{{.capacity = capacity, .counter_stripes = rows, .observations = observations}};
    discovery source{pool, book};
    source.change();
    equipoise::balancer lb{pool, equipoise::round_robin{}, 3};
    mailbox box;
    crowd::tally dead, foreign;
    std::mutex all_mutex;
    crowd::shift shift;
    shift.run(
        3,
        [&] {
          for (int round = 0; round != 3000; ++round) {
#if EQUIPOISE_EXCEPTIONS
            try {
              source.change();
            } catch (std::invalid_argument const&) {  // all slots wait for leases: nothing has changed
            }
#else
            source.change();
#endif
            pool.refresh();
          }
        },
        [&](unsigned worker) {
          auto picker = lb.make_picker();
          std::vector<seen> mine;
          std::vector<mailbox::held> keep;
          std::uint64_t dice = worker;
          for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
            dice = equipoise::mix(dice + turn);
            auto lease = dice % 8 == 0 ? lb.acquire() : picker.acquire();
            if (!lease) continue;
            guest::reading reading{*lease};
            if (!lease->is_alive()) dead.add();
            if (mine.size() < 4000) mine.push_back({lease.id().slot, lease.id().tag, lease->number()});
            if (dice % 5 == 0) {
              keep.push_back({std::move(lease), std::move(reading)});
            } else if (dice % 5 == 1) {
              box.post({std::move(lease), std::move(reading)});
            } else {
              { auto const over = std::move(reading); }
              lease.finish(equipoise::outcome::ok,
                           equipoise::time_point{std::chrono::nanoseconds{static_cast<int>(turn % 7)}});
            }
            if (keep.size() == 4 || dice % 64 == 0) keep.clear();
            if (dice % 16 == 3)
              for (auto& letter : box.collect()) {
                if (!letter.lease->is_alive()) foreign.add();
                { auto const over = std::move(letter.reading); }
                letter.lease.finish(equipoise::outcome::error);
              }
          }
          keep.clear();
          std::lock_guard const lock{all_mutex};
          all.insert(all.end(), mine.begin(), mine.end());
        });
    box.collect().clear();

    CHECK(dead.count() == 0);
    CHECK(foreign.count() == 0);
    for (auto const& [id, number] : source.issued) CHECK(pool.in_flight({id.first, id.second}) == 0);
    std::size_t wrong = 0;
    for (auto const& s : all) {
      auto const at = source.issued.find({s.slot, s.tag});
      wrong += at == source.issued.end() || at->second != s.number;
    }
    CHECK(wrong == 0);
    CHECK(!all.empty());

    pool.refresh();
    auto const waiting = pool.waiting();
    CHECK(waiting.slots == 0);
    CHECK(waiting.snapshots <= 8);  // the parked pickers of lb.acquire() hold some
    CHECK(waiting.lists <= 8);
  }
  CHECK(book.died_under_a_reader.count() == 0);
}

}  // namespace

TEST_CASE("leases across membership changes: no object dies under one, no id means another, counts end at zero",
          "[lifetime]") {
  leases_across_changes(1, 1024, false);
}

TEST_CASE("the same with a count row a worker, observations, and slots that are given on at once", "[lifetime]") {
#if EQUIPOISE_EXCEPTIONS
  leases_across_changes(4, 24, true);  // some changes are refused for want of slots, and change nothing
#else
  leases_across_changes(4, 1024, true);
#endif
}

TEST_CASE("a choice may be read until its picker's next call, while others change and reclaim", "[lifetime]") {
  crowd::guest_book book;
  {
    equipoise::pool<guest> pool;
    discovery source{pool, book};
    source.change();
    equipoise::balancer first{pool, equipoise::round_robin{}, 1};
    equipoise::balancer second{pool, equipoise::ring_hash{}, 2};
    crowd::tally dead, reads;
    crowd::shift shift;
    shift.run(
        3,
        [&] {
          for (int round = 0; round != 3000; ++round) {
            source.change();
            pool.refresh();
          }
        },
        [&](unsigned worker) {
          auto const read = [&](auto&& select) {
            std::uint64_t turn = 0;
            for (; shift.goes_on(turn); ++turn) {
              auto const choice = select(turn);
              if (!choice) continue;
              guest::reading const reading{*choice};
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
  CHECK(book.died_under_a_reader.count() == 0);
  CHECK(book.deaths.count() > 300);
}

TEST_CASE("a backend removed while it is picked: once its count was zero, no lease on it is or will be held",
          "[lifetime]") {
  crowd::guest_book book;
  equipoise::pool<guest> pool{{.counter_stripes = 3}};
  equipoise::balancer lb{pool, equipoise::round_robin{}, 5};
  std::vector<std::atomic<bool>> over(2000);  // by number: removed, and its count was zero once
  crowd::tally late;
  pool.add({"stays", 0, book});
  crowd::shift shift;
  shift.run(
      3,
      [&] {
        for (std::uint32_t number = 1; number != 400; ++number) {
          auto const id = pool.add({"comes and goes", number, book});
          pool.set(id, equipoise::health_flag::draining);
          pool.clear(id, equipoise::health_flag::draining);
          std::this_thread::yield();
          pool.remove(id);
          while (pool.in_flight(id) != 0) std::this_thread::yield();
          over[number].store(true, std::memory_order_seq_cst);
        }
      },
      [&](unsigned) {
        auto picker = lb.make_picker();
        for (std::uint64_t turn = 0; shift.goes_on(turn); ++turn) {
          auto const lease = picker.acquire();
          if (!lease) {
            late.add();  // one is always there
            continue;
          }
          if (over[lease->number()].load(std::memory_order_seq_cst)) late.add();
        }
      });
  CHECK(late.count() == 0);
}
