// SPDX-License-Identifier: MIT
// The half of the program with exceptions, and main().
#include <equipoise/equipoise.hpp>

#include <stdexcept>

static_assert(EQUIPOISE_EXCEPTIONS);

bool works_without_exceptions();
[[noreturn]] void refuses_without_exceptions();

int main() {
  equipoise::pool<equipoise::endpoint> pool;
  equipoise::balancer lb{pool, equipoise::round_robin{}, 0};
  auto const a = pool.add({"10.0.0.1", 80});
  auto picker = lb.make_picker();
  if (picker.select().id() != a || picker.acquire().id() != a || !works_without_exceptions()) return 1;
  try {
    pool.add({"10.0.0.1", 80});
    return 2;
  } catch (std::invalid_argument const&) {
  }
  if (pool.size() != 1 || picker.select().id() != a) return 3;
  refuses_without_exceptions();  // ends with 0
}
