// SPDX-License-Identifier: MIT
// Where the keys of a policy go when its own proposals are used up: over each member once, in an order that depends on
// the key and on the members' keys alone. So all processes with the same members agree, whatever the order in which
// the members joined, and the keys spread over all members.
#pragma once

#include <equipoise/core/member.hpp>
#include <equipoise/core/random_source.hpp>

#include <cstdlib>
#include <vector>

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

// (A template, so that only programs with a key compile it.)
template <class Key>
class spill_order {
 public:
  spill_order() = default;

  // O(members · log members).
  explicit spill_order(array_view<member const> members) {
    auto const n = static_cast<std::uint32_t>(members.size());
    struct hashed {
      std::uint64_t hash;
      member const* of;
    };
    std::vector<hashed> all;
    all.reserve(n);
    for (member const& m : members) all.push_back({hash_of_bytes(m.key()), &m});
    if (n != 0)  // std::sort would cost every program that includes the library more to compile
      std::qsort(all.data(), n, sizeof(hashed), [](void const* x, void const* y) -> int {
        auto const& a = *static_cast<hashed const*>(x);
        auto const& b = *static_cast<hashed const*>(y);
        return a.hash != b.hash ? (a.hash < b.hash ? -1 : 1) : a.of->key().compare(b.of->key());
      });
    by_hash_.reserve(n);
    for (hashed const& h : all) by_hash_.push_back(static_cast<std::uint32_t>(h.of - members.data()));
    for (prime_ = n < 2 ? 2 : n; !is_prime(prime_);) ++prime_;
  }

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(by_hash_.size()); }

  // The index of the member at that place of the key's order; place < size(). A step that depends on the key, modulo a
  // prime, visits every number once; numbers beyond the last member are passed over.
  std::uint32_t operator()(Key const& key, std::uint32_t place) const noexcept {
    std::uint64_t const hash = hash_of(key), other = mix(hash + golden_gamma);
    std::uint64_t const start = multiply_high(hash, prime_), step = multiply_high(other, prime_ - 1) + 1;
    std::uint64_t at = place;
    do at = (start + at * step) % prime_;
    while (at >= by_hash_.size());
    return by_hash_[at];
  }

 private:
  // The same for equal keys, in every process.
  static std::uint64_t hash_of(Key const& key) noexcept {
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

  std::vector<std::uint32_t> by_hash_;  // indexes of members, in the order of their hashes
  std::uint32_t prime_ = 2;             // the least that is not below the number of members
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
