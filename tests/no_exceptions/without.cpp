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
