// SPDX-License-Identifier: MIT
// The half of the program without exceptions.
#include <equipoise/equipoise.hpp>

#include <cstdlib>
#include <cstring>

static_assert(!EQUIPOISE_EXCEPTIONS);

bool works_without_exceptions();
[[noreturn]] void refuses_without_exceptions();

bool works_without_exceptions() {
  equipoise::pool<equipoise::endpoint> pool;
  equipoise::balancer lb{pool, equipoise::round_robin{}, 0};
  auto const a = pool.add({"10.0.0.1", 80});
  auto picker = lb.make_picker();

  // What a build refuses does not end the program either.
  equipoise::balancer levels{pool, equipoise::any_policy{equipoise::failover{equipoise::round_robin{}}}};
  equipoise::balancer places{pool, equipoise::maglev{3}};
  if (pool.try_add({"10.0.0.2", 80, {.priority = 8}}).error().find("priority 8") == std::string::npos) return false;
  std::vector<equipoise::endpoint> const four{{"10.0.0.1", 80}, {"10.0.0.2", 80}, {"10.0.0.3", 80}, {"10.0.0.4", 80}};
  if (pool.try_assign(four) || pool.size() != 1) return false;
  if (!pool.try_assign(std::vector<equipoise::endpoint>{four.begin(), four.begin() + 3}) || pool.size() != 3)
    return false;
  if (places.try_replace(equipoise::maglev{2}) || !places.try_replace(equipoise::maglev{5})) return false;
  pool.assign(std::vector<equipoise::endpoint>{four.begin(), four.begin() + 1});

  return picker.select().id() == a && picker.acquire().id() == a;
}

void refuses_without_exceptions() {
  equipoise::set_failure_handler(
      [](char const* message) { std::exit(std::strstr(message, "'10.0.0.1:80'") != nullptr ? 0 : 4); });
  equipoise::pool<equipoise::endpoint> pool;
  pool.add({"10.0.0.1", 80});
  pool.add({"10.0.0.1", 80});
  std::exit(5);  // the mistake was not refused
}
