// SPDX-License-Identifier: MIT
// Power of two choices. The direct form draws two different indexes at once from the same generator and takes the less
// loaded one.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;
  equipoise::random_source draw{1};

  bench::server const* select() noexcept {
    auto const n = static_cast<std::uint32_t>(servers.size());
    if (n == 1) return is_healthy(0) ? &servers[0] : nullptr;
    for (std::size_t excluded = 0; excluded != 64; ++excluded) {
      std::uint64_t const drawn = draw.next();
      std::uint32_t const a = equipoise::detail::multiply_high32(static_cast<std::uint32_t>(drawn >> 32), n);
      std::uint32_t b = equipoise::detail::multiply_high32(static_cast<std::uint32_t>(drawn), n - 1);
      b += b >= a;
      std::uint32_t const i = load(b) < load(a) ? b : a;
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::power_of_two{});
  for (std::size_t n : bench::three_sizes)
    bench::add_acquire(equipoise::power_of_two{}, {.backends = n, .counter_stripes = 2}, "power_of_two",
                       "stripe_per_worker");
  return true;
}();

}  // namespace
