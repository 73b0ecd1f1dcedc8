// IP hash: a client's network keeps its backend, by nginx's own arithmetic (ngx_http_upstream_ip_hash_module.c of 1.22.1):
// the first three octets of an IPv4 address, all sixteen of IPv6.
//
// Uneven where many clients share a network; all of 192.0.2.0/24 is one client. While a home is down its keys go on in
// nginx's order for 21 proposals, then by the law of keyed policies; nobody else's move. A change of membership moves
// nearly all keys: where that hurts, use ring or maglev. Weights count; beyond a total of 6271 the tail is unreachable.
// Select: wait-free between publishes; O(1). Table: 25 kB.
#pragma once

#include <equipoise/hash/address.hpp>
#include <equipoise/core/policy/policy.hpp>

#include <algorithm>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

struct ip_hash {
  static constexpr std::string_view name = "ip_hash";
  static constexpr std::uint32_t tries = 21;
  static constexpr std::uint32_t modulus = 6271;

  using key_type = address;

  struct table {
    std::vector<std::uint32_t> owner;  // for each hash 0 … 6270
  };
  struct cursor {};
  struct pick_state {
    std::uint32_t hash = 89;
  };

  table build(members_view members) const {
    std::vector<std::uint64_t> sums(members.size());
    std::uint64_t total = 0;
    for (std::size_t i = 0; i != members.size(); ++i) sums[i] = total += members[i].weight;
    table t;
    if (total == 0) return t;
    t.owner.resize(modulus);
    for (std::uint32_t h = 0; h != modulus; ++h)
      t.owner[h] = static_cast<std::uint32_t>(std::upper_bound(sums.begin(), sums.end(), h % total) - sums.begin());
    return t;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor&, pick_state& w, pick const& k, address const& client) const noexcept {
    if (t.owner.empty()) [[unlikely]] return nullptr;
    std::size_t const octets = client.is_v6() ? 16 : 3;
    for (std::size_t i = 0; i != octets; ++i) w.hash = (w.hash * 113 + client[i]) % modulus;
    return &k.members[t.owner[w.hash]];
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
