// SPDX-License-Identifier: MIT
// expect: equipoise: this policy needs a key, as the first argument
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/maglev.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::picker<server, equipoise::maglev<>>& p) {
  equipoise::backend_id ids[2];
  p.select_n(ids);
}
