// SPDX-License-Identifier: MIT
// expect: equipoise: a policy's propose() must be noexcept: a pick never throws
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/zone_first.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  table build(equipoise::members_view) const { return {}; }
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, equipoise::zone_first{"here", mine{}}}; }
