// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/discovery/back_off.hpp>

#include <set>

namespace back_off_test {
using namespace equipoise;
using namespace std::chrono_literals;

TEST_CASE("back_off: waits double up to the most, each between its half and its whole") {
  for (std::uint64_t seed = 0; seed != 50; ++seed) {
    back_off b{{.first = 100ms, .most = 3s}, seed};
    for (int round = 0; round != 2; ++round) {
      for (std::chrono::nanoseconds const longest : {100ms, 200ms, 400ms, 800ms, 1600ms, 3000ms, 3000ms}) {
        auto const wait = b.next();
        CHECK(wait >= longest / 2);
        CHECK(wait <= longest);
      }
      b.reset();
    }
  }
}

TEST_CASE("back_off: two seeds wait for different times") {
  std::set<std::int64_t> waits;
  for (std::uint64_t seed = 0; seed != 100; ++seed) waits.insert(back_off{{}, seed}.next().count());
  CHECK(waits.size() > 95);
}

TEST_CASE("back_off: extreme times do not overflow, and bad ones are refused") {
  auto const longest = std::chrono::nanoseconds::max();
  back_off huge{{.first = longest, .most = longest}};
  for (int i = 0; i != 3; ++i) CHECK(huge.next() >= longest / 2);
  back_off tiny{{.first = 1ns, .most = 1ns}};
  CHECK(tiny.next() == 1ns);
  CHECK_THROWS_WITH((back_off{{.first = 0ns}}), "equipoise: back_off_options::first 0 ns is not more than 0");
  CHECK_THROWS_WITH((back_off{{.first = 2s, .most = 1s}}),
                    "equipoise: back_off_options::most 1000000000 ns is less than first");
}

}  // namespace back_off_test
