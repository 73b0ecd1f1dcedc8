// SPDX-License-Identifier: MIT
// The shard router: signed 64-bit user ids modulo n. It is no standard policy, because it needs a map.
#include <by_hand.hpp>

namespace {

struct by_hand : bench::hand {
  using hand::hand;

  bench::server const* select(std::int64_t user) noexcept {
    auto const n = static_cast<std::int64_t>(servers.size());
    std::int64_t const remainder = user % n;
    auto const i = static_cast<std::size_t>(remainder < 0 ? remainder + n : remainder);
    return is_healthy(i) ? &servers[i] : nullptr;
  }
};

equipoise::modulo_shards shards(std::size_t n) {
  std::vector<std::string> names;
  for (auto const& s : bench::servers_of({.backends = n})) names.push_back(s.name);
  return equipoise::modulo_shards{std::move(names)};
}

bool const added = [] {
  for (std::size_t n : bench::all_sizes) {
    equipoise::shard_router const policy{shards(n)};
    bench::add_direct<by_hand>(policy, n);
    bench::add_policy(policy, n);
  }
  return true;
}();

}  // namespace
