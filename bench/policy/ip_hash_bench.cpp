// SPDX-License-Identifier: MIT
// IP hash: nginx's hash of three octets, over 4096 client addresses. The direct form looks the owner up in the same
// table.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  std::span<std::uint32_t const> owner;

  explicit by_hand(bench::setup const& s) : hand{s}, owner{bench::table_for(equipoise::ip_hash{}, s).owner} {}

  bench::server const* select(equipoise::address const& client) noexcept {
    std::uint32_t hash = 89;
    std::size_t const octets = client.is_v6() ? 16 : 3;
    for (std::size_t excluded = 0; excluded != 20; ++excluded) {
      for (std::size_t i = 0; i != octets; ++i) hash = (hash * 113 + client[i]) % 6271;
      std::uint32_t const i = owner[hash];
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::ip_hash{});
  return true;
}();

}  // namespace
