// SPDX-License-Identifier: MIT
// expect: equipoise: a policy's `cursor` must be default-constructible and copyable: explain works on a copy
#include <equipoise/core/pick/balancer.hpp>

#include <memory>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {
    std::unique_ptr<int> state;
  };
  table build(equipoise::members_view) const { return {}; }
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const noexcept { return nullptr; }
};

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
