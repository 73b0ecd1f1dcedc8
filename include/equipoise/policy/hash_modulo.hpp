// SPDX-License-Identifier: MIT
// Hash modulo n: a key's owner is member number hash % n. Nothing to build and no memory, but a change of n moves
// nearly all keys. For a fixed set of backends, or with a hash that other programs share. Weights other than 0 do not
// count.
//
//   struct crc32_of_text { std::uint64_t operator()(std::string_view) const; };
//   equipoise::balancer lb{pool, equipoise::hash_modulo<crc32_of_text>{}};
//
// The keys of an owner that is down probe on, and no other key moves. Select: wait-free between publishes; O(1).
#pragma once

#include <equipoise/core/policy/policy.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/probe.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A key's owner is member number hash % n. See the top of the header.
template <class Hash = default_hash>
struct hash_modulo {
  static constexpr std::string_view name = "hash_modulo";
  static constexpr std::uint32_t tries = 64;
  static constexpr bool counts_weights = false;

  using key_type = basic_key<Hash>;
  using pick_state = detail::probe;

  struct table {};
  struct cursor {};

  table build(members_view) const { return {}; }

  EQUIPOISE_INLINE proposal propose(table const&, cursor&, pick_state& s, pick const& k,
                                    key_type const& key) const noexcept {
    if (k.members.empty()) [[unlikely]]
      return nullptr;
    return &k.members[s.next(key.hash) % k.members.size()];  // the owner is decided by the hash as it is
  }
};

hash_modulo() -> hash_modulo<>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
