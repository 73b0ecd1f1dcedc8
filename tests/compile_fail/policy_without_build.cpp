// SPDX-License-Identifier: MIT
// expect: equipoise: a policy needs `table build(equipoise::members_view) const`
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
