// SPDX-License-Identifier: MIT
// Ends a pool before the object that the argument names, or uses an answer without a backend. A debug build stops at
// these mistakes.
#include <equipoise/equipoise.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

int main(int, char** arguments) {
  std::string_view const outlives = arguments[1];
  std::optional<equipoise::pool<equipoise::endpoint>> pool{std::in_place};
  using balancer = equipoise::balancer<equipoise::endpoint, equipoise::round_robin>;
  std::optional<balancer> lb{std::in_place, *pool, equipoise::round_robin{}, 0};
  auto const a = pool->add({"10.0.0.1", 80});
  auto lease = lb->acquire();
  if (!lease) return 1;
  if (outlives == "empty lease") {
    lease.finish(equipoise::outcome::ok);
    std::printf("%d", lease->port);
  }
  if (outlives == "empty choice")
    std::printf(
        "%d", equipoise::choice<equipoise::endpoint> {} -> port);
  if (outlives == "removed") pool->remove(a);
  if (outlives != "lease" && outlives != "removed") lease = {};
  if (outlives != "balancer") lb.reset();
  pool.reset();
  std::puts("the pool ended");
  std::fflush(stdout);
  std::_Exit(0);  // an object that outlived the pool must not be destroyed
}
