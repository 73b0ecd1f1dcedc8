// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/observation.hpp>

namespace observation_test {
using namespace equipoise;

TEST_CASE("observation: only failures of the backend or the connection count as failed") {
  observation o{};
  for (auto how : {outcome::error, outcome::gateway_error, outcome::local_error}) o.report(how, {});
  CHECK(o.failed == 3);
  CHECK(o.consecutive_failures == 3);
  for (auto how : {outcome::rejected, outcome::cancelled}) o.report(how, {});
  CHECK(o.failed == 3);
  CHECK(o.consecutive_failures == 3);
  o.report(outcome::ok, {});
  CHECK(o.ok == 1);
  CHECK(o.failed == 3);
  CHECK(o.consecutive_failures == 0);
}

TEST_CASE("observation: only positive times are measured, and reset forgets everything") {
  using std::chrono::nanoseconds;
  observation o{};
  o.report(outcome::ok, nanoseconds{5});
  o.report(outcome::error, nanoseconds{7});
  o.report(outcome::ok, nanoseconds{0});
  o.report(outcome::ok, nanoseconds{-3});
  CHECK(o.measured == 2);
  CHECK(o.latency == 12);
  o.report(outcome::error, {});
  o.reset();
  CHECK((o.ok == 0 && o.failed == 0 && o.latency == 0 && o.measured == 0 && o.consecutive_failures == 0));
}

}  // namespace observation_test
