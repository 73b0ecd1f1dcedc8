// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/timing_wheel.hpp>

#include <map>

namespace timing_wheel_test {
using equipoise::detail::timing_wheel;

TEST_CASE("timing_wheel: entries come out at their tick, an earlier one first") {
  timing_wheel w{4};
  CHECK(w.next_due() == w.never);
  CHECK(w.pop(10) == w.none);
  w.add(0, 5'000'000);
  w.add(1, 70);
  w.add(2, 10);
  w.add(3, 0);  // in the past: due at once
  CHECK(w.pop(10) != w.none);
  CHECK(w.pop(10) != w.none);
  CHECK(w.pop(69) == w.none);
  CHECK(w.pop(70) == 1);
  CHECK(w.pop(4'999'999) == w.none);
  CHECK(w.pop(5'000'000) == 0);
  CHECK(w.pop(w.never >> 16) == w.none);
  CHECK(w.next_due() == w.never);
}

TEST_CASE("timing_wheel: a sorted list in random use at every scale of time") {
  for (int scale : {1, 6, 12, 20, 30, 43}) {
    rng d{static_cast<std::uint64_t>(scale)};
    std::uint32_t const n = 1 + random_below(d, 200);
    timing_wheel w{n};
    std::map<std::uint32_t, std::uint64_t> due;  // by entry
    std::uint64_t now = d() >> (64 - scale);
    w.pop(now);
    for (int step = 0; step != 20'000; ++step) {
      auto const entry = random_below(d, n);
      switch (random_below(d, 4)) {
        case 0:
        case 1:
          due[entry] = std::max(now, now / 2 + (d() >> (64 - scale)));
          w.add(entry, due[entry]);
          break;
        case 2:
          due.erase(entry);
          w.remove(entry);
          break;
        default: {
          if (random_below(d, 2) == 0) now += d() >> std::min(63, 68 - scale);
          std::uint64_t before = 0;
          for (std::uint32_t e; (e = w.pop(now)) != w.none;) {
            REQUIRE(due.count(e) == 1);
            REQUIRE(due[e] <= now);
            REQUIRE(due[e] >= before);
            before = due[e];
            due.erase(e);
          }
          for (auto const& one : due) REQUIRE(one.second > now);
          std::uint64_t first = w.never;
          for (auto const& one : due) first = std::min(first, one.second);
          REQUIRE(w.next_due() <= first);
          REQUIRE((w.next_due() > now && (w.next_due() == w.never) == due.empty()));
          if (now >> 44 != 0) step = 20'000 - 1;  // beyond the times that are used
        }
      }
    }
  }
}

TEST_CASE("timing_wheel: its own wake-ups are few, however far the next entry") {
  timing_wheel w{1};
  for (std::uint64_t due : {std::uint64_t{63}, std::uint64_t{64}, std::uint64_t{9'999}, (std::uint64_t{1} << 43) - 1}) {
    w.add(0, due);
    int wakes = 1;
    while (w.pop(w.next_due()) == w.none) ++wakes;
    CHECK(wakes <= 8);
    CHECK(w.pop(due) == w.none);
    CHECK(w.next_due() == w.never);
  }
}

TEST_CASE("timing_wheel: a clock that goes backwards takes nothing out early") {
  timing_wheel w{2};
  w.pop(1000);
  w.add(0, 1000);
  CHECK(w.pop(0) == w.none);
  w.add(1, 500);  // due at the wheel's time
  CHECK(w.next_due() == 1000);
  CHECK(w.pop(999) == w.none);
  CHECK(w.pop(1000) != w.none);
  CHECK(w.pop(1000) != w.none);
}

}  // namespace timing_wheel_test
