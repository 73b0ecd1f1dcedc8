// SPDX-License-Identifier: MIT
// Hash modulo n. The direct form uses the same hash of an integer key.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;

  bench::server const* select(std::uint64_t key) noexcept {
    std::uint64_t hash = equipoise::default_hash{}(key);
    for (std::size_t excluded = 0; excluded != 64; ++excluded, hash = equipoise::mix(hash + equipoise::golden_gamma)) {
      std::size_t const i = hash % servers.size();
      if (is_healthy(i)) return &servers[i];
    }
    return nullptr;
  }
};

bool const added = [] {
  bench::add_direct<by_hand>(equipoise::hash_modulo{});
  return true;
}();

}  // namespace
