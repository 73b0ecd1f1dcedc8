// SPDX-License-Identifier: MIT
// expect: equipoise: a policy needs `proposal propose(table const&, cursor&, [pick_state&,] pick const& [, key_type
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  table build(equipoise::members_view) const { return {}; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
