// SPDX-License-Identifier: MIT
// Maglev. The direct form has the same table and probes past unhealthy backends. It hashes an integer key once.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  std::span<std::uint16_t const> table;

  explicit by_hand(bench::setup const& s) : hand{s}, table{bench::table_for(equipoise::maglev{}, s).narrow} {}

  bench::server const* select(std::uint64_t key) noexcept {
    std::uint64_t drawn = equipoise::default_hash{}(key);
    for (std::size_t excluded = 0; excluded != 64;
         ++excluded, drawn = equipoise::mix(drawn + equipoise::golden_gamma)) {
      std::size_t const i = table[equipoise::multiply_high(drawn, table.size())];
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::maglev{});
  bench::add_tenth_down<by_hand>(equipoise::maglev{}, {100, 10'000});
  return true;
}();

}  // namespace
