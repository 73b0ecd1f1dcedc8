// SPDX-License-Identifier: MIT
// expect: equipoise: a policy with a `key_type` must take the key as the last
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  using key_type = int;
  struct table {};
  struct cursor {};
  table build(equipoise::members_view) const { return {}; }
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
