// SPDX-License-Identifier: MIT
#include <equipoise/equipoise.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

// Instantiates what a program uses.
std::string uses_the_library() {
  using namespace equipoise;
  pool<server> pool;
  pool.assign(std::vector<server>{{"a"}, {"b"}});
  balancer keyed{pool, failover{sticky{bounded_load{max_in_flight{maglev{}}}}}};
  balancer by_name{pool, policy_registry::standard().make("failover{power_of_two}")};
  auto picker = keyed.make_picker();
  picker.acquire("user-42").finish(outcome::ok);
  pool.update(by_name.acquire().id(), {.weight = 2});
  pool.refresh();
  return picker.explain("user-42").text();
}
