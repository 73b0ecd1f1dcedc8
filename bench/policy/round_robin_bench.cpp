// SPDX-License-Identifier: MIT
// Round robin. Each worker of the direct form has its own position.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;
  std::size_t next = 0;

  bench::server const* select() noexcept {
    for (std::size_t excluded = 0; excluded != servers.size(); ++excluded) {
      if (next == servers.size()) next = 0;
      std::size_t const i = next++;
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::round_robin{});
  bench::add_tenth_down<by_hand>(equipoise::round_robin{}, bench::three_sizes);
  return true;
}();

}  // namespace
