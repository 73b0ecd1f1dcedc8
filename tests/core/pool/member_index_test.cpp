// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/pool/member_index.hpp>

namespace member_index_test {
using namespace equipoise;

TEST_CASE("member_index: find knows the id in the slot and no other") {
  detail::member_index<server> index{4};
  detail::record<server> r{server{"a"}, "a"};
  r.id = {2, 3 * detail::one_generation};
  index.by_slot[2] = &r;
  CHECK(index.find(r.id) == &r);
  CHECK(index.find({2, 4 * detail::one_generation}) == nullptr);
  CHECK(index.find({1, r.id.tag}) == nullptr);
  CHECK(index.find({4, r.id.tag}) == nullptr);
  CHECK(index.find({}) == nullptr);
}

TEST_CASE("member_index: zones are numbered as they come, and the 32769th has no number") {
  using index_type = detail::member_index<server>;
  index_type index{1};
  CHECK(index.zone_number("") == 0);
  CHECK(index.zone_number("east") == 1);
  CHECK(index.zone_number("west") == 2);
  CHECK(index.zone_number("east") == 1);
  while (index.zones.size() != 32'768) index.zones.push_back("zone " + std::to_string(index.zones.size()));
  CHECK(index.zone_number("zone 32767") == 32'767);
  CHECK(index.zone_number("late") == index_type::none);
  CHECK(index.zones.size() == 32'768);
  CHECK(index.zone_name(32'767) == "zone 32767");
  CHECK(index.zone_name(32'768).empty());
}

}  // namespace member_index_test
