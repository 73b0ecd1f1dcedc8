// SPDX-License-Identifier: MIT
// expect: equipoise: a policy proposes a member, not an index: return &k.members[i], or nullptr for none
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  table build(equipoise::members_view) const { return {}; }
  std::size_t propose(table const&, cursor&, equipoise::pick const&) const noexcept { return 0; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
