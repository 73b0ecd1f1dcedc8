// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/platform.hpp>

namespace platform_test {
using namespace equipoise;

TEST_CASE("platform: entropy gives another number each time") {
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i != 100; ++i) numbers.push_back(detail::entropy());
  std::sort(numbers.begin(), numbers.end());
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
  detail::yield();
}

}  // namespace platform_test
