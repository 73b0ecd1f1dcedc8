// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/error.hpp>

namespace error_test {
using namespace equipoise;

TEST_CASE("error: fail throws the message as it is") {
  CHECK_THROWS_AS(fail("the message"), std::invalid_argument);
  CHECK_THROWS_WITH(fail("the message"), Catch::Matchers::Equals("the message"));
}

TEST_CASE("error: set_failure_handler returns the previous one, null restores the default") {
  auto const mine = [](char const*) {};
  auto const first = set_failure_handler(mine);
  CHECK(first != nullptr);
  CHECK(set_failure_handler(nullptr) == +mine);
  CHECK(set_failure_handler(first) == first);
}

}  // namespace error_test
