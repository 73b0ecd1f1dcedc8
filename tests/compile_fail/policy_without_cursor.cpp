// SPDX-License-Identifier: MIT
// expect: equipoise: a policy needs a type `cursor`
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  table build(equipoise::members_view) const { return {}; }
  equipoise::proposal propose(table const&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
