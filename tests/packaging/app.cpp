// SPDX-License-Identifier: MIT
// The smallest consumer. It compiles, links and runs with the package that its tree found.
#include <equipoise/equipoise.hpp>

#include <cstdio>
#include <string>

struct server {
  std::string name;
  friend std::string_view key_of(server const& s) { return s.name; }
};

int main() {
  equipoise::pool<server> pool;
  pool.add({"a"});
  pool.add({"b"});
  equipoise::balancer balancer{pool, equipoise::round_robin{}, 0};
  auto picker = balancer.make_picker();
  std::string picks;
  for (int i = 0; i < 4; ++i) {
    auto choice = picker.select();
    if (!choice) return 1;
    picks += choice->name;
  }
  std::printf("%s\n", picks.c_str());
  return picks == "abab" ? 0 : 1;
}
