// SPDX-License-Identifier: MIT
// expect: equipoise: this policy needs a key, as the first argument
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/maglev.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::balancer<server, equipoise::maglev<>>& lb) { static_cast<void>(lb.explain()); }
