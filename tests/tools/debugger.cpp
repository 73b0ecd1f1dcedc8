// SPDX-License-Identifier: MIT
// Values of every type that the debuggers' printers know, for debugger_test.sh to print.
#include <equipoise/equipoise.hpp>

#include <string>

struct server {
  std::string name;
  int weight = 1;
};
std::string_view key_of(server const& s) { return s.name; }
int weight_of(server const& s) { return s.weight; }

// The test's breakpoint. It reads its arguments, so that they exist.
template <class... Values>
[[gnu::noinline]] int stop_here(Values const&... values) {
  return (0 + ... + static_cast<int>(sizeof values));
}

int main() {
  using equipoise::health_flag;
  equipoise::pool<server> pool;
  auto const first = pool.add({"a"});
  auto const second = pool.add({"a backend whose key is too long for the string itself", 3});
  equipoise::backend_id const none;
  equipoise::balancer balancer{pool, equipoise::round_robin{}, 0};
  auto picker = balancer.make_picker();
  auto const choice = picker.select();
  auto const lease = picker.acquire();
  pool.set(first, health_flag::down | health_flag::draining);
  pool.set(second, health_flag::maintenance);
  auto const flags = pool.health(first);
  auto const healthy = health_flag::none;
  auto const no_choice = picker.select();
  auto const no_lease = picker.acquire();
  return stop_here(first, second, none, choice, lease, flags, healthy, no_choice, no_lease) == 0;
}
