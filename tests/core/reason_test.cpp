#include "support.hpp"

#include <sstream>

using namespace equipoise;

namespace {
template <class T>
std::string printed(T const& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
}  // namespace

TEST_CASE("reasons are written strongest first, and none is up") {
  CHECK(to_string(reason::none) == "up");
  CHECK(to_string(reason::down) == "down");
  CHECK(to_string(reason::down | reason::draining | reason::host_3) == "draining+down+host_3");
  CHECK(to_string(static_cast<reason>(0xFFF)) ==
        "removed+maintenance+draining+down+ejected+circuit_open+saturated+weightless+host_1+host_2+host_3+host_4");
  CHECK(without(reason::down | reason::draining, reason::down | reason::ejected) == reason::draining);
}

TEST_CASE("ids, reasons, outcomes and causes print themselves") {
  CHECK(printed(backend_id{}) == "#none");
  CHECK(printed(backend_id{17, 3 * one_generation}) == "#17.3");
  CHECK(printed(reason::maintenance) == "maintenance");
  std::string all;
  for (auto o : {outcome::ok, outcome::error, outcome::gateway_error, outcome::local_error, outcome::rejected, outcome::cancelled}) all += printed(o) + " ";
  CHECK(all == "ok error gateway_error local_error rejected cancelled ");
  all.clear();
  for (auto c : {cause::none, cause::all_tried, cause::all_saturated, cause::all_down, cause::refused, cause::empty}) all += printed(c) + " ";
  CHECK(all == "none all_tried all_saturated all_down refused empty ");
  explanation e;
  e.policy = "round_robin";
  CHECK(printed(e) == e.text());
}

TEST_CASE("ids compare, hash, and know whether they could be anybody's") {
  CHECK(!backend_id{});
  CHECK(!backend_id{3, 0});
  CHECK(!backend_id{3, one_generation | 1});
  CHECK(backend_id{3, one_generation});
  CHECK(backend_id{1, one_generation} != backend_id{1, 2 * one_generation});
  CHECK(std::hash<backend_id>{}({1, one_generation}) != std::hash<backend_id>{}({2, one_generation}));
}
