// SPDX-License-Identifier: MIT
// Weighted round robin. The direct form picks each server as many times in a row as its weight says.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;
  std::size_t at = 0;
  std::uint32_t used = 0;

  bench::server const* select() noexcept {
    for (std::size_t excluded = 0; excluded <= servers.size(); ++excluded) {
      if (used == servers[at].weight) {
        used = 0;
        if (++at == servers.size()) at = 0;
      }
      if (is_healthy(at)) {
        ++used;
        return &servers[at];
      }
      used = servers[at].weight;  // ends its turns
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::weighted_round_robin{});
  return true;
}();

}  // namespace
