#include "support.hpp"

#include <sstream>

namespace health_flag_test {
using namespace equipoise;

namespace {
template <class T>
std::string printed(T const& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
}  // namespace

TEST_CASE("health_flag: flags are written strongest first, and no flag is written as up") {
  CHECK(to_string(health_flag::none) == "up");
  CHECK(to_string(health_flag::down) == "down");
  CHECK(to_string(health_flag::down | health_flag::draining | health_flag::user_3) == "draining+down+user_3");
  CHECK(to_string(static_cast<health_flag>(0xFFF)) ==
        "removed+maintenance+draining+down+ejected+circuit_open+saturated+zero_weight+user_1+user_2+user_3+user_4");
  CHECK(without(health_flag::down | health_flag::draining, health_flag::down | health_flag::ejected) ==
        health_flag::draining);
}

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

TEST_CASE("backend_id: ids compare, hash, and convert to false if they cannot be valid") {
  CHECK(!backend_id{});
  CHECK(!backend_id{3, 0});
  CHECK(!backend_id{3, detail::one_generation | 1});
  CHECK(backend_id{3, detail::one_generation});
  CHECK(backend_id{1, detail::one_generation} != backend_id{1, 2 * detail::one_generation});
  CHECK(std::hash<backend_id>{}({1, detail::one_generation}) != std::hash<backend_id>{}({2, detail::one_generation}));
}

}  // namespace health_flag_test
