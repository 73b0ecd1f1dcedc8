// SPDX-License-Identifier: MIT
// Where the keys of a policy go when its own proposals are used up: over each member once, in an order that depends on
// the key and on the members' keys alone. So all processes with the same members agree, whatever the order in which
// the members joined, and the keys spread over all members.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/random_source.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

constexpr bool is_prime(std::uint64_t n) noexcept {
  if (n < 2) return false;
  for (std::uint64_t d = 2; d * d <= n; ++d)
    if (n % d == 0) return false;
  return true;
}

// FNV-1a, with all bits mixed afterwards.
inline std::uint64_t hash_of_bytes(std::string_view bytes) noexcept {
  std::uint64_t h = 0xCBF29CE484222325;
  for (char const c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return mix(h);
}

// The members by the hashes of their keys. All policies with a key share it.
struct members_by_hash {
  array<std::uint32_t> index;  // of a member, in the order of their hashes
  std::uint32_t prime = 2;     // the least that is not below the number of members

  members_by_hash() = default;
  // O(members · log members).
  explicit members_by_hash(array_view<member const> members) : index(members.size()) {
    struct hashed {
      std::uint64_t hash;
      member const* of;
    };
    auto all = array<hashed>::with_room(members.size());
    for (member const& m : members) all.append({hash_of_bytes(m.key()), &m});
    sort(all, [](hashed const& a, hashed const& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.of->key() < b.of->key();
    });
    for (std::size_t i = 0; i != all.size(); ++i) index[i] = static_cast<std::uint32_t>(all[i].of - members.data());
    for (prime = index.size() < 2 ? 2 : static_cast<std::uint32_t>(index.size()); !is_prime(prime);) ++prime;
  }

  // A step that depends on the hash, modulo a prime, visits every number once; numbers beyond the last member are
  // passed over.
  std::uint32_t at(std::uint64_t hash, std::uint32_t place) const noexcept {
    std::uint64_t const start = multiply_high(hash, prime);
    std::uint64_t const step = multiply_high(mix(hash + golden_gamma), prime - 1) + 1;
    std::uint64_t n = place;
    do n = (start + n * step) % prime;
    while (n >= index.size());
    return index[n];
  }
};

// A number for any key: the same for equal keys, in every process.
template <class Key>
std::uint64_t hash_of_key(Key const& key) noexcept {
  if constexpr (requires { key.mixed(); })
    return key.mixed();
  else if constexpr (std::is_convertible_v<Key const&, std::string_view>)
    return hash_of_bytes(key);
  else if constexpr (std::has_unique_object_representations_v<Key>)
    return hash_of_bytes({reinterpret_cast<char const*>(&key), sizeof key});
  else if constexpr (requires { std::hash<Key>{}(key); })
    return mix(std::hash<Key>{}(key));
  else
    return 0;
}

template <class Key>
class spill_order {
 public:
  spill_order() = default;

  // O(members · log members).
  explicit spill_order(array_view<member const> members) : members_{members} {}

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(members_.index.size()); }

  // The index of the member at that place of the key's order; place < size().
  std::uint32_t operator()(Key const& key, std::uint32_t place) const noexcept {
    return members_.at(hash_of_key(key), place);
  }

 private:
  members_by_hash members_;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
