// SPDX-License-Identifier: MIT
// Smooth weighted round robin. The direct form has the same precomputed sequence of turns; nginx computes each turn.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  std::span<std::uint32_t const> order;
  std::size_t next = 0;

  explicit by_hand(bench::setup const& s)
      : hand{s}, order{bench::table_for(equipoise::smooth_weighted_round_robin{}, s).order} {}

  bench::server const* select() noexcept {
    for (std::size_t excluded = 0; excluded != order.size(); ++excluded) {
      if (next == order.size()) next = 0;
      std::uint32_t const i = order[next++];
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::smooth_weighted_round_robin{});
  return true;
}();

}  // namespace
