// SPDX-License-Identifier: MIT
#include <equipoise/with/fmt.hpp>

#include "support.hpp"

#include <equipoise/policy/round_robin.hpp>

namespace fmt_test {
using namespace equipoise;

TEST_CASE("{fmt} writes ids, health flags, outcomes, errors and explanations as to_string") {
  fleet f{round_robin{}, servers(2)};
  CHECK(fmt::format("{}", f.ids[0]) == to_string(f.ids[0]));
  CHECK(fmt::format("{}", backend_id{}) == "#none");
  CHECK(fmt::format("{}", health_flag::down | health_flag::draining) == "draining+down");
  CHECK(fmt::format("{}", outcome::gateway_error) == "gateway_error");
  CHECK(fmt::format("{:>10}", pick_error::all_down) == "  all_down");
  auto const why = f.picker.explain();
  CHECK(fmt::format("{}", why) == why.text());
}

}  // namespace fmt_test
