// SPDX-License-Identifier: MIT
// Which few servers of a large fleet one client talks to, so that not every client holds a connection to every server.
// Computations without state: they name servers by their index. Give the result to pool::assign().
//
//   for (std::uint32_t i : equipoise::rendezvous_subset(addresses, my_seed, 20)) list.push_back(servers[i]);
//
// | function | the shares of the servers | when a server joins or leaves | what a client must know |
// |---|---|---|---|
// | deterministic_subset | even if size divides servers, and rounds are full | most subsets change | its number |
// | rendezvous_subset | binomial | at most one server of a subset changes | any seed of its own |
// | ring_aperture | exactly even, always | the edges of most subsets change | its number, and how many clients there
// are | | shuffle_shard | binomial | most subsets change | a hash of the tenant |
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/array_view.hpp>
#include <equipoise/core/random_source.hpp>
#include <equipoise/hash/xxh64.hpp>

#include <string_view>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
// The first `some` of 0 … n − 1 in a random order. O(n).
template <class = void>
std::vector<std::uint32_t> shuffled(std::uint32_t n, std::uint32_t some, random_source random) {
  std::vector<std::uint32_t> order(n);
  for (std::uint32_t i = 0; i != n; ++i) order[i] = i;
  for (std::uint32_t i = 0; i != some; ++i) {
    std::uint32_t const other = i + random.below(n - i);
    std::uint32_t const at_other = order[other];
    order[other] = order[i];
    order[i] = at_other;
  }
  order.resize(some);
  return order;
}
}  // namespace detail

/// The subset of client number `client`, in rounds: the clients of one round divide all servers among them, and each
/// round shuffles the servers anew. All servers if there are no more than `size`; none if size is 0. If size does not
/// divide the servers, each round leaves some out, others in each round. O(servers); allocates. Source: Beyer and
/// others, "Site Reliability Engineering" (2016), chapter 20.
template <class = void>
std::vector<std::uint32_t> deterministic_subset(std::uint32_t servers, std::uint64_t client, std::uint32_t size) {
  if (size == 0) return {};
  if (servers <= size) return detail::shuffled(servers, servers, random_source{0});
  std::uint32_t const subsets = servers / size;
  auto const order = detail::shuffled(servers, servers, random_source{client / subsets});
  auto const first = order.begin() + static_cast<std::ptrdiff_t>(client % subsets * size);
  return {first, first + static_cast<std::ptrdiff_t>(size)};
}

/// The servers whose hash with the client's seed is least, the least first; all of them if there are no more than
/// `size`. A server that joins or leaves changes at most one of them. O(servers · log servers); allocates. Source: gRPC
/// A68, XXH64 of the address.
template <class = void>
std::vector<std::uint32_t> rendezvous_subset(array_view<std::string_view const> addresses, std::uint64_t seed,
                                             std::size_t size) {
  struct hashed {
    std::uint64_t hash;
    std::uint32_t index;
  };
  detail::array<hashed> all(addresses.size());
  for (std::uint32_t i = 0; i != all.size(); ++i) all[i] = {xxh64(addresses[i], seed), i};
  detail::sort(all,
               [](hashed const& a, hashed const& b) { return a.hash != b.hash ? a.hash < b.hash : a.index < b.index; });
  std::vector<std::uint32_t> least(size < all.size() ? size : all.size());
  for (std::size_t i = 0; i != least.size(); ++i) least[i] = all[i].index;
  return least;
}

/// One server of an aperture, and how much of it the client has.
struct aperture_slice {
  std::uint32_t server = 0;  ///< its index
  std::uint64_t width = 0;   ///< of `clients` parts; the whole server is that many

  friend bool operator==(aperture_slice const&, aperture_slice const&) = default;
};

/// What client number `client` of `clients` sees of the servers, which lie on a ring: its arc begins at client /
/// clients and is a whole multiple of 1 / clients long, so that it holds at least `least` servers. Pick a server in
/// proportion to its width: then all servers get exactly the same from all clients together, whatever the numbers. None
/// without servers or clients; numbers from `clients` on begin again at 0. At most 2^31 of each. O(servers in the arc);
/// allocates. Source: Finagle's deterministic aperture.
template <class = void>
std::vector<aperture_slice> ring_aperture(std::uint32_t servers, std::uint64_t client, std::uint32_t clients,
                                          std::uint32_t least = 12) {
  if (servers == 0 || clients == 0) return {};
  // In units of 1 / (servers · clients): a server is `clients` wide, and what one client begins behind the next is
  // `servers` wide.
  std::uint64_t const s = servers, c = clients, ring = s * c;
  std::uint64_t steps = (least * c + s - 1) / s;
  if (steps == 0) steps = 1;
  if (steps > c) steps = c;
  std::uint64_t at = client % c * s, left = steps * s;
  std::vector<aperture_slice> slices;
  while (left != 0) {
    std::uint64_t const server = at / c, end = (server + 1) * c;
    std::uint64_t const width = end - at < left ? end - at : left;
    if (!slices.empty() && slices.front().server == server)
      slices.front().width += width;  // once around the ring
    else
      slices.push_back({static_cast<std::uint32_t>(server), width});
    left -= width;
    at = end % ring;
  }
  return slices;
}

/// The servers of one tenant: `size` of them by the hash of the tenant, so that two tenants rarely have all servers in
/// common, and a tenant that breaks its servers spares the others. All servers if there are no more than `size`.
/// O(servers); allocates. Source: MacCarthaigh, "Workload isolation using shuffle-sharding" (Amazon, 2019).
template <class = void>
std::vector<std::uint32_t> shuffle_shard(std::uint32_t servers, std::uint64_t tenant, std::uint32_t size) {
  return detail::shuffled(servers, size < servers ? size : servers, random_source{tenant});
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
