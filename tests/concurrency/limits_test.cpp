// A limit is never exceeded, with one count row or several.
#include "workers.hpp"

namespace {

struct host {
  std::string name;
  std::size_t number;
};
std::string_view key_of(host const& h) { return h.name; }

void never_exceeded(std::uint32_t rows, std::uint32_t most) {
  constexpr std::size_t backends = 2, workers = 4;
  equipoise::pool<host> pool{{.counter_stripes = rows}};
  for (std::size_t i = 0; i != backends; ++i) pool.add({"h" + std::to_string(i), i});
  equipoise::balancer lb{pool, equipoise::max_in_flight{equipoise::round_robin{}, most}, 1};

  // Counted inside each lease, so never more than the leases there are.
  std::array<std::atomic<std::uint32_t>, backends> inside{};
  // A limit of 1 is a lock: this is written by each holder in turn, and the sanitizer watches.
  std::array<std::uint64_t, backends> turns{};
  crowd::tally exceeded, granted, odd;
  crowd::shift shift;
  shift.run(
      workers,
      [&] {
        auto picker = lb.make_picker();
        for (int turn = 0; turn != 20'000; ++turn) static_cast<void>(picker.select());
      },
      [&](unsigned) {
        auto picker = lb.make_picker();
        for (int turn = 0; turn != 20'000; ++turn) {
          auto lease = picker.acquire();
          if (!lease) {
            if (lease.error() != equipoise::pick_error::all_saturated) odd.add();
            continue;
          }
          granted.add();
          auto const i = lease->number;
          if (inside[i].fetch_add(1, crowd::relaxed) + 1 > most) exceeded.add();
          if (most == 1) ++turns[i];
          if (turn % 16 == 0) std::this_thread::yield();
          inside[i].fetch_sub(1, crowd::relaxed);
        }
      });
  CHECK(exceeded.count() == 0);
  CHECK(odd.count() == 0);
  CHECK(granted.count() > 100);
  if (most == 1) CHECK(turns[0] + turns[1] == granted.count());
  pool.for_each([&](auto id, auto const&, auto const&, auto) { CHECK(pool.in_flight(id) == 0); });
}

}  // namespace

TEST_CASE("a limit is never exceeded with one count row", "[limits]") {
  never_exceeded(1, 1);
  never_exceeded(1, 3);
}

TEST_CASE("a limit is never exceeded with a count row a worker", "[limits]") {
  never_exceeded(5, 1);
  never_exceeded(5, 2);
}
