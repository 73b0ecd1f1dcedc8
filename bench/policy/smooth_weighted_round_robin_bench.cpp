// Smooth weighted round robin: a precomputed sequence of turns, also in the direct form (nginx computes at each pick).
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  std::span<std::uint32_t const> order;
  std::size_t next = 0;

  explicit by_hand(bench::scene const& s)
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
  bench::leaf<by_hand>(equipoise::smooth_weighted_round_robin{}, bench::all_sizes, bench::weights::unequal);
  return true;
}();

}  // namespace
