// SPDX-License-Identifier: MIT
// expect: equipoise: a policy's build() must return the policy's `table`
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  int build(equipoise::members_view) const { return 0; }
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
