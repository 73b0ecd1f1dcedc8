// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/member.hpp>

namespace member_test {
using namespace equipoise;

TEST_CASE("member: key and labels come from its record, and an unknown label is empty") {
  detail::record_base record;
  record.key = "a";
  record.labels.reset(new labels{{"version", "2"}, {"arch", "arm"}, {"version", "3"}});
  member m;
  m.record = &record;
  CHECK(m.key() == "a");
  CHECK(m.label("version") == "2");  // the first of that name
  CHECK(m.label("arch") == "arm");
  CHECK(m.label("") == "");
  CHECK(m.label("unknown") == "");
  record.labels.reset();
  CHECK(m.label("version") == "");
}

TEST_CASE("members_view: the proposed members come first, then the unhealthy ones") {
  std::vector<member> const all(5), these(all.begin(), all.begin() + 4);
  members_view const v{these, 3, all};
  CHECK(v.size() == 3);
  CHECK(v.data() == these.data());
  CHECK(v.unhealthy().size() == 1);
  CHECK(v.unhealthy().data() == these.data() + 3);
  CHECK(v.with_unhealthy().size() == 4);
  CHECK(v.all_members().data() == all.data());
  CHECK(v.all_members().size() == 5);
  CHECK(members_view{}.empty());
  CHECK(members_view{}.with_unhealthy().empty());
}

TEST_CASE("members_view: a narrowed view keeps all members of the pool") {
  std::vector<member> const all(5), some(2);
  members_view const v = members_view{all, 5, all}.narrowed(some, 1);
  CHECK(v.data() == some.data());
  CHECK(v.size() == 1);
  CHECK(v.unhealthy().size() == 1);
  CHECK(v.all_members().size() == 5);
}

}  // namespace member_test
