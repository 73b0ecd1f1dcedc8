// The shard router: user id modulo n, over signed 64-bit ids.
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
  for (std::size_t n : bench::all_sizes) bench::leaf<by_hand>(equipoise::shard_router{shards(n)}, {n});
  return true;
}();

}  // namespace
