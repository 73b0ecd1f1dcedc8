// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/pick/print.hpp>

#include <sstream>

namespace print_test {
using namespace equipoise;

namespace {
template <class T>
std::string printed(T const& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
}  // namespace

TEST_CASE("print: ids, health flags, outcomes, errors and explanations print themselves") {
  CHECK(printed(backend_id{}) == "#none");
  CHECK(printed(backend_id{17, 3 * detail::one_generation}) == "#17.3");
  CHECK(printed(health_flag::maintenance) == "maintenance");
  std::string all;
  for (auto o : {outcome::ok, outcome::error, outcome::gateway_error, outcome::local_error, outcome::rejected,
                 outcome::cancelled})
    all += printed(o) + " ";
  CHECK(all == "ok error gateway_error local_error rejected cancelled ");
  all.clear();
  for (auto c : {pick_error::none, pick_error::all_excluded, pick_error::all_saturated, pick_error::all_down,
                 pick_error::refused, pick_error::empty})
    all += printed(c) + " ";
  CHECK(all == "none all_excluded all_saturated all_down refused empty ");
  explanation e;
  e.policy = "round_robin";
  CHECK(printed(e) == e.text());
}

}  // namespace print_test
