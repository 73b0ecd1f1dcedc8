// SPDX-License-Identifier: MIT
// expect: equipoise: this lease ends with the statement, so keep it in a variable
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/round_robin.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void use(equipoise::picker<server, equipoise::round_robin>& picker) {
  server const& s = *picker.acquire();
  static_cast<void>(s);
}
