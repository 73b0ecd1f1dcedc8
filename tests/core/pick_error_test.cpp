// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/pick_error.hpp>

namespace pick_error_test {
using namespace equipoise;

TEST_CASE("pick_error: each value has the name of its enumerator, mildest first") {
  std::string all;
  pick_error last{};
  for (auto e : {pick_error::none, pick_error::all_excluded, pick_error::all_saturated, pick_error::all_down,
                 pick_error::refused, pick_error::empty}) {
    all += std::string{to_string(e)} + " ";
    CHECK(last <= e);
    last = e;
  }
  CHECK(all == "none all_excluded all_saturated all_down refused empty ");
  CHECK(to_string(static_cast<pick_error>(6)) == "unknown");
  CHECK(to_string(static_cast<pick_error>(255)) == "unknown");
}

}  // namespace pick_error_test
