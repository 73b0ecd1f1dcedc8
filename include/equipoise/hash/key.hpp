// SPDX-License-Identifier: MIT
// What a keyed policy is asked with: text, an integer or an address, hashed once at the entry.
//
//   picker.select("user-42");  picker.select(42);  picker.select(*equipoise::address::parse("192.0.2.1"));
#pragma once

#include <equipoise/core/array_view.hpp>
#include <equipoise/core/random_source.hpp>
#include <equipoise/hash/address.hpp>
#include <equipoise/hash/xxh64.hpp>

#include <concepts>
#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The library's own hash: XXH64 for bytes, SplitMix64's mixer for numbers. A policy takes any other type with such
/// call operators instead; the kinds of keys that it cannot hash are then not keys of that policy.
struct default_hash {
  /// All 64 bits are well mixed, so a table may use them as they are. Boost and unordered_dense read the same marker.
  static constexpr bool is_avalanching = true;

  /// XXH64 of the bytes. O(length).
  std::uint64_t operator()(std::string_view text) const noexcept { return xxh64(text); }
  /// SplitMix64's mixer of the number. O(1).
  template <std::integral Integer>
  EQUIPOISE_INLINE std::uint64_t operator()(Integer number) const noexcept {
    return mix(static_cast<std::uint64_t>(number) + golden_gamma);
  }
  /// XXH64 of the octets.
  std::uint64_t operator()(address const& a) const noexcept { return xxh64(a.bytes()); }
};

/// What may be a key: text is hashed as bytes, integers as 64-bit numbers. A bool or a char is not a key, because it is
/// more likely a mistake.
template <class T>
concept key_text = std::convertible_to<T, std::string_view> && !std::same_as<T, std::nullptr_t>;
template <class T>
concept key_integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

/// A key as its 64-bit hash.
template <class Hash = default_hash>
struct basic_key {
  std::uint64_t hash;  ///< what the hash function answered

  /// Of a text; null is an empty one. O(length).
  template <key_text Text>
    requires std::invocable<Hash, std::string_view>
  EQUIPOISE_INLINE basic_key(Text const& text) noexcept : hash{Hash{}(detail::view_of(text))} {}
  /// Of a number.
  template <key_integer Integer>
    requires std::invocable<Hash, Integer>
  EQUIPOISE_INLINE basic_key(Integer number) noexcept : hash{Hash{}(number)} {}
  /// Of an address.
  EQUIPOISE_INLINE basic_key(address const& a) noexcept
    requires std::invocable<Hash, address const&>
      : hash{Hash{}(a)} {}

  /// The hash with all bits well mixed, whatever the hash function: what places in tables and on circles are drawn by.
  EQUIPOISE_INLINE std::uint64_t mixed() const noexcept {
    if constexpr (requires { requires Hash::is_avalanching; })
      return hash;
    else
      return mix(hash);
  }

  /// An independent key derived from this one, so that the owners on two levels or in two zones are independent. Salt 0
  /// changes nothing.
  EQUIPOISE_INLINE basic_key derived(std::uint64_t salt) const noexcept {
    basic_key k{*this};
    if (salt != 0) k.hash = mix(hash + salt * golden_gamma);
    return k;
  }
};

/// The hash in hexadecimal: "hash 1e8f6c3ad2d4b07c". The key itself is not known any more. Allocates. (A template on
/// the value, so that only programs that ask for it compile it.)
template <class Hash>
std::string to_string(basic_key<Hash> const& k) {
  std::string text = "hash ";
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[k.hash >> shift & 15];
  return text;
}

/// The key of the hashing policies with the library's own hash.
using hashed_key = basic_key<>;

/// key.derived(salt), or the key itself if its type has no such function.
template <class Key>
EQUIPOISE_INLINE Key derived(Key const& k, std::uint64_t salt) noexcept {
  if constexpr (requires { k.derived(salt); })
    return k.derived(salt);
  else
    return k;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
