// SPDX-License-Identifier: MIT
// Answers that count for a check. That they are HAProxy's is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/health/error_limit.hpp>

namespace error_limit_test {
using namespace equipoise;

TEST_CASE("error_limit: the tenth error without a good answer is told once") {
  pool<server> p;
  auto const id = p.add(server{"A"});
  error_limit<server> errors{p};
  auto const told = [&](int times) {
    int n = 0;
    for (int i = 0; i != times; ++i) n += errors.report(id, outcome::error) == on_error::fail_check;
    return n;
  };
  CHECK(told(9) == 0);
  CHECK(errors.report(id, outcome::ok) == on_error::nothing);
  CHECK(told(9) == 0);
  CHECK(errors.report(id, outcome::rejected) == on_error::nothing);
  CHECK(errors.report(id, outcome::cancelled) == on_error::nothing);
  CHECK(told(1) == 1);
  CHECK(told(95) == 9);
  errors.passed(id);
  CHECK(told(9) == 0);
  CHECK(p.health(id) == health_flag::none);
}

TEST_CASE("error_limit: what each action makes of the checker's counter") {
  // rise 2, fall 3: 0 and 1 are down, 2 to 4 are up
  using enum on_error;
  for (std::uint32_t health = 0; health != 5; ++health) {
    CHECK(health_after(nothing, health, 2) == health);
    CHECK(health_after(check_soon, health, 2) == health);
    CHECK(health_after(mark_down, health, 2) == 0);
    CHECK(health_after(fail_check, health, 2) == (health < 3 ? 0 : health - 1));
    CHECK(health_after(sudden_death, health, 2) == (health < 3 ? 0 : 2));
  }
}

TEST_CASE("error_limit: HAProxy's errors are the statuses from 500 on but two") {
  for (int status : {100, 200, 404, 499, 501, 505}) CHECK(observed_outcome(status) == outcome::ok);
  for (int status : {500, 502, 503, 504, 599}) CHECK(observed_outcome(status) == outcome::error);
}

TEST_CASE("error_limit: a new membership has no errors, and late reports are dropped") {
  pool<server> p;
  auto const old = p.add(server{"A"});
  error_limit<server> errors{p, {2, on_error::mark_down}};
  CHECK(errors.report(old, outcome::error) == on_error::nothing);
  p.remove(old);
  p.refresh();
  auto const renewed = p.add(server{"B"});
  REQUIRE(renewed.slot == old.slot);
  CHECK(errors.report(renewed, outcome::error) == on_error::nothing);
  CHECK(errors.report(old, outcome::error) == on_error::nothing);
  CHECK(errors.report({}, outcome::error) == on_error::nothing);
  CHECK(errors.dropped() == 2);
  CHECK(errors.report(renewed, outcome::error) == on_error::mark_down);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("error_limit_options: a value out of range is refused with its name") {
  pool<server> p;
  CHECK_THROWS_WITH((error_limit<server>{p, {0}}), "equipoise: error_limit_options::errors 0 is not 1 or more");
  CHECK_THROWS_WITH((error_limit<server>{p, {1, on_error::nothing}}),
                    "equipoise: error_limit_options::then is not an action");
}
#endif

}  // namespace error_limit_test
