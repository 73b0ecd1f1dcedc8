// SPDX-License-Identifier: MIT
// expect: equipoise: select_n() writes the ids into an array
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/round_robin.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::picker<server, equipoise::round_robin>& p, std::vector<equipoise::backend_id> const& ids) {
  p.select_n(ids);
}
