// SPDX-License-Identifier: MIT
// Weighted random. The direct form makes one draw from the same alias table.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  equipoise::detail::alias_table const* table;
  equipoise::random_source draw{1};

  explicit by_hand(bench::setup const& s) : hand{s}, table{&bench::table_for(equipoise::weighted_random{}, s)} {}

  bench::server const* select() noexcept {
    for (std::size_t excluded = 0; excluded != 64; ++excluded) {
      std::uint32_t const i = (*table)(draw.next());
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::weighted_random{});
  return true;
}();

}  // namespace
