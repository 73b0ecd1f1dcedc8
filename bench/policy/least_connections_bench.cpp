// SPDX-License-Identifier: MIT
// Least connections. The direct form scans all counts, compares them by weight and takes ties in turn.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;
  std::size_t next = 0;

  bench::server const* select() noexcept {
    std::size_t const n = servers.size();
    std::size_t best = n;
    std::uint64_t best_load = 0, best_weight = 1;
    for (std::size_t turn = 0, i = next < n ? next : 0; turn != n; ++turn, i = i + 1 == n ? 0 : i + 1) {
      if (!is_healthy(i)) continue;
      std::uint64_t const now = load(i), weight = servers[i].weight;
      if (best == n || now * best_weight < best_load * weight) best = i, best_load = now, best_weight = weight;
    }
    if (best == n) return nullptr;
    next = best + 1;
    return &servers[best];
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::least_connections{});
  return true;
}();

}  // namespace
