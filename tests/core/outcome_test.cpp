// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/outcome.hpp>

namespace outcome_test {
using namespace equipoise;

TEST_CASE("outcome: each value has the name of its enumerator, and other values are unknown") {
  std::string all;
  for (auto o : {outcome::ok, outcome::error, outcome::gateway_error, outcome::local_error, outcome::rejected,
                 outcome::cancelled})
    all += std::string{to_string(o)} + " ";
  CHECK(all == "ok error gateway_error local_error rejected cancelled ");
  CHECK(to_string(static_cast<outcome>(6)) == "unknown");
  CHECK(to_string(static_cast<outcome>(255)) == "unknown");
}

}  // namespace outcome_test
