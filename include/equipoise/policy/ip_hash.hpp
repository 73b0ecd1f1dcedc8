// SPDX-License-Identifier: MIT
// IP hash: a client's network keeps its backend. The arithmetic is nginx's: the first three octets of an IPv4 address,
// all sixteen of an IPv6 address.
//
// Shares are uneven where many clients share a network: all of 192.0.2.0/24 is one client. The keys of an owner that is
// down go on in nginx's order for 21 proposals, then by the law of keyed policies; no other key moves. A change of
// membership moves nearly all keys; use ring_hash or maglev where that hurts. Weights count, but members beyond a total
// weight of 6271 are unreachable.
// Select: wait-free between publishes; O(1). Table: 25 kB. Source: ngx_http_upstream_ip_hash_module.c of nginx 1.22.1.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/policy/policy.hpp>
#include <equipoise/hash/address.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A client's network keeps its backend. See the top of the header.
struct ip_hash {
  static constexpr std::string_view name = "ip_hash";
  static constexpr std::uint32_t tries = 21;
  static constexpr std::uint32_t modulus = 6271;

  using key_type = address;

  struct table {
    detail::array<std::uint32_t> owner;  // for each hash 0 … 6270
  };
  struct cursor {};
  struct pick_state {
    std::uint32_t hash = 89;
  };

  table build(members_view members) const {
    detail::array<std::uint64_t> sums(members.size());
    std::uint64_t total = 0;
    for (std::size_t i = 0; i != members.size(); ++i) sums[i] = total += members[i].weight;
    table t;
    if (total == 0) return t;
    t.owner = detail::array<std::uint32_t>(modulus);
    for (std::uint32_t h = 0; h != modulus; ++h)
      t.owner[h] = static_cast<std::uint32_t>(
          detail::first_behind(sums.size(), [&](std::size_t i) { return h % total < sums[i]; }));
    return t;
  }

  /// The network that is hashed: "192.0.2.0/24". Allocates. (A template, so that only programs that explain compile
  /// it.)
  template <std::same_as<address> Address>
  static std::string describe_key(Address client) {
    if (client.is_v6()) return to_string(client);
    return to_string(address::v4({client[0], client[1], client[2], 0})) + "/24";
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor&, pick_state& s, pick const& k,
                                    address const& client) const noexcept {
    if (t.owner.empty()) [[unlikely]]
      return nullptr;
    std::size_t const octets = client.is_v6() ? 16 : 3;
    for (std::size_t i = 0; i != octets; ++i) s.hash = (s.hash * 113 + client[i]) % modulus;
    return &k.members[t.owner[s.hash]];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
