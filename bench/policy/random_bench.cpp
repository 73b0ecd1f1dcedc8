// SPDX-License-Identifier: MIT
// Random. The direct form draws from the same generator, which has 64 bits of state.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;
  equipoise::random_source draw{1};

  bench::server const* select() noexcept {
    for (std::size_t excluded = 0; excluded != 64; ++excluded) {
      std::uint32_t const i = draw.below(static_cast<std::uint32_t>(servers.size()));
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::random{});
  return true;
}();

}  // namespace
