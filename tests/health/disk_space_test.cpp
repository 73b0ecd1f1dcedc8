// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/disk_space.hpp>

#include <limits>

namespace disk_space_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;
using enum health_status;

TEST_CASE("disk_status: more than each threshold is enough, and as much is not") {
  disk_thresholds const t{.least_bytes = 100, .warn_bytes = 200, .least_inodes = 10, .warn_inodes = 20};
  auto const by_bytes = [](std::uint64_t n) { return n > 200 ? pass : n > 100 ? warn : fail; };
  auto const by_inodes = [](std::uint64_t n) { return n > 20 ? pass : n > 10 ? warn : fail; };
  for (std::uint64_t bytes = 0; bytes != 300; ++bytes) {
    CHECK(disk_status({.bytes = bytes}, t) == by_bytes(bytes));
    for (std::uint64_t inodes = 0; inodes != 30; ++inodes)
      if (disk_status({bytes, inodes}, t) != std::max(by_bytes(bytes), by_inodes(inodes)))
        FAIL(bytes << " bytes, " << inodes << " inodes");
  }
}

TEST_CASE("disk_status: the preset asks for more than 1 000 000 000 bytes") {
  CHECK(disk_status({.bytes = 1'000'000'000}) == fail);
  CHECK(disk_status({.bytes = 1'000'000'001}) == warn);
  CHECK(disk_status({.bytes = 2'000'000'001}) == pass);
  CHECK(disk_status({}) == fail);
  CHECK(disk_status({.bytes = 2'000'000'001, .inodes = 1'000}) == fail);
  CHECK(disk_status({.bytes = 2'000'000'001, .inodes = 10'000}) == warn);
  auto const most = std::numeric_limits<std::uint64_t>::max();
  CHECK(disk_status({most, most}) == pass);
  CHECK(disk_status({most, most}, {most, most, 0, 0}) == fail);
  CHECK(disk_status({most, 1}, {0, 0, 0, 0}) == pass);
}

TEST_CASE("disk_status: a server that would fail before it warns fails") {
  CHECK(disk_status({.bytes = 150}, {.least_bytes = 200, .warn_bytes = 100}) == fail);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("disk_thresholds: a warning below the failure is refused with its name") {
  CHECK_NOTHROW(disk_thresholds{}.check());
  CHECK_NOTHROW((disk_thresholds{5, 5, 5, 5}.check()));
  CHECK_THROWS_WITH((disk_thresholds{5, 4, 5, 5}.check()),
                    ContainsSubstring("disk_thresholds::warn_bytes 4 is less than least_bytes 5"));
  CHECK_THROWS_WITH((disk_thresholds{5, 5, 5, 4}.check()),
                    ContainsSubstring("warn_inodes 4 is less than least_inodes 5"));
}
#endif

}  // namespace disk_space_test
