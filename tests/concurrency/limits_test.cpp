// SPDX-License-Identifier: MIT
// A limit is never exceeded, with one counter stripe or several.
#include "workers.hpp"

namespace {

void limit_is_never_exceeded(std::uint32_t stripes, std::uint32_t limit) {
  constexpr std::size_t members = 2, threads = 4;
  equipoise::pool<workers::backend> pool{{.counter_stripes = stripes}};
  for (std::size_t i = 0; i != members; ++i) pool.add({"h" + std::to_string(i), i});
  equipoise::balancer lb{pool, equipoise::max_in_flight{equipoise::round_robin{}, limit}, 1};

  // Counted inside each lease, so it is never more than the number of leases.
  std::array<std::atomic<std::uint32_t>, members> inside{};
  // A limit of 1 is a lock. Each holder writes this in turn, so the sanitizer sees a lock that fails.
  std::array<std::uint64_t, members> turns{};
  workers::counter exceeded, granted, wrong_errors;
  workers::run_with_writer(
      threads,
      [&] {
        auto picker = lb.make_picker();
        for (int turn = 0; turn != 20'000; ++turn) static_cast<void>(picker.select());
      },
      [&](unsigned, auto const&) {
        auto picker = lb.make_picker();
        for (int turn = 0; turn != 20'000; ++turn) {
          auto lease = picker.acquire();
          if (!lease) {
            if (lease.error() != equipoise::pick_error::all_saturated) wrong_errors.add();
            continue;
          }
          granted.add();
          auto const i = lease->number;
          if (inside[i].fetch_add(1, workers::relaxed) + 1 > limit) exceeded.add();
          if (limit == 1) ++turns[i];
          if (turn % 16 == 0) std::this_thread::yield();
          inside[i].fetch_sub(1, workers::relaxed);
        }
      });
  CHECK(exceeded.count() == 0);
  CHECK(wrong_errors.count() == 0);
  CHECK(granted.count() > 100);
  if (limit == 1) CHECK(turns[0] + turns[1] == granted.count());
  pool.for_each([&](auto id, auto const&, auto const&, auto) { CHECK(pool.in_flight(id) == 0); });
}

}  // namespace

TEST_CASE("a limit is never exceeded with one counter stripe", "[limits]") {
  limit_is_never_exceeded(1, 1);
  limit_is_never_exceeded(1, 3);
}

TEST_CASE("a limit is never exceeded with a counter stripe per worker", "[limits]") {
  limit_is_never_exceeded(5, 1);
  limit_is_never_exceeded(5, 2);
}
