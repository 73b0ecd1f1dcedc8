// SPDX-License-Identifier: MIT
// expect: equipoise: a policy needs a type `table`
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct cursor {};
  equipoise::proposal propose(cursor&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
