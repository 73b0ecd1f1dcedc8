// SPDX-License-Identifier: MIT
// expect: equipoise: a policy's start(), resume(), place() and remember() must be noexcept
#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {
    unsigned next = 0;
  };
  table build(equipoise::members_view) const { return {}; }
  cursor start(table const&, equipoise::members_view, equipoise::random_source&) const { return {}; }
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
