// SPDX-License-Identifier: MIT
// expect: equipoise: null is not a key
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/maglev.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::picker<server, equipoise::maglev<>>& p) { static_cast<void>(p.select(nullptr)); }
