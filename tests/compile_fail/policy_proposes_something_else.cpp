// SPDX-License-Identifier: MIT
// expect: must return an equipoise::proposal: a pointer to a member, or nullptr
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  table build(equipoise::members_view) const { return {}; }
  std::string propose(table const&, cursor&, equipoise::pick const&) const noexcept { return {}; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
