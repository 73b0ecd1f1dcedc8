// SPDX-License-Identifier: MIT
// Ring hash. The direct form has the same circle and bucket index. It hashes an integer key once.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  std::span<equipoise::ring_hash<>::point const> circle;
  std::span<std::uint32_t const> index;
  std::uint32_t shift;

  explicit by_hand(bench::setup const& s) : hand{s} {
    auto const& table = bench::table_for(equipoise::ring_hash{}, s);
    circle = table.circle, index = table.index, shift = table.shift;
  }

  bench::server const* select(std::uint64_t key) noexcept {
    std::uint64_t drawn = equipoise::default_hash{}(key);
    for (std::size_t excluded = 0; excluded != 64;
         ++excluded, drawn = equipoise::mix(drawn + equipoise::golden_gamma)) {
      auto const hash = static_cast<std::uint32_t>(drawn >> 32);
      auto const* p = circle.data() + index[std::uint64_t{hash} >> shift];
      for (;;) {
        int const below = (p[0].hash < hash) + (p[1].hash < hash) + (p[2].hash < hash) + (p[3].hash < hash);
        p += below;
        if (below != 4) break;
      }
      if (is_healthy(p->owner)) return &servers[p->owner];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::ring_hash{});
  bench::add_tenth_down<by_hand>(equipoise::ring_hash{}, {100, 10'000});
  return true;
}();

}  // namespace
