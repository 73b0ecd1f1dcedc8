// SPDX-License-Identifier: MIT
// expect: equipoise: this policy takes no key
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/round_robin.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::picker<server, equipoise::round_robin>& p) {
  equipoise::backend_id ids[2];
  p.select_n("user-42", ids);
}
