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

TEST_CASE("member_index: zones are numbered as they come, and the 65537th is refused") {
  detail::member_index<server> index{1};
  CHECK(index.zone_number("", "a") == 0);
  CHECK(index.zone_number("east", "a") == 1);
  CHECK(index.zone_number("west", "a") == 2);
  CHECK(index.zone_number("east", "b") == 1);
  while (index.zones.size() != 65'536) index.zones.push_back("zone " + std::to_string(index.zones.size()));
  CHECK(index.zone_number("zone 65535", "a") == 65'535);
  CHECK_THROWS_WITH(index.zone_number("late", "a"), Catch::Matchers::ContainsSubstring("zone 'late' of backend 'a'"));
  CHECK(index.zones.size() == 65'536);
}

}  // namespace member_index_test
