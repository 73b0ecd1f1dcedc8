// SPDX-License-Identifier: MIT
#include "support.hpp"

namespace health_flag_test {
using namespace equipoise;

TEST_CASE("health_flag: flags are written strongest first, and no flag is written as up") {
  CHECK(to_string(health_flag::none) == "up");
  CHECK(to_string(health_flag::down) == "down");
  CHECK(to_string(health_flag::down | health_flag::draining | health_flag::user_3) == "draining+down+user_3");
  CHECK(to_string(static_cast<health_flag>(0xFFF)) ==
        "removed+maintenance+draining+down+ejected+circuit_open+saturated+zero_weight+user_1+user_2+user_3+user_4");
  CHECK(without(health_flag::down | health_flag::draining, health_flag::down | health_flag::ejected) ==
        health_flag::draining);
}

}  // namespace health_flag_test
