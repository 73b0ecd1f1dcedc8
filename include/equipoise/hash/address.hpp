// SPDX-License-Identifier: MIT
// An IPv4 or IPv6 address: a key, never a socket.
#pragma once

#include <equipoise/core/config.hpp>

#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// An IPv4 or IPv6 address of 17 bytes. An IPv4 address and its IPv6-mapped form are different keys. All functions are
/// wait-free.
class address {
 public:
  constexpr address() = default;  // 0.0.0.0

  /// Of octets in network order.
  static constexpr address v4(std::array<std::uint8_t, 4> octets) noexcept {
    address a;
    for (std::size_t i = 0; i != 4; ++i) a.bytes_[i] = octets[i];
    return a;
  }
  /// The same for IPv6.
  static constexpr address v6(std::array<std::uint8_t, 16> octets) noexcept {
    address a;
    a.bytes_ = octets;
    a.is_v6_ = true;
    return a;
  }

  /// Reads "192.0.2.1", "2001:db8::1" or "::ffff:192.0.2.1". Nothing for any other text: no ports, no brackets, no
  /// zones.
  static constexpr std::optional<address> parse(std::string_view text) noexcept {
    if (text.find(':') != text.npos) return parse_v6(text);
    std::array<std::uint8_t, 4> octets{};
    if (!parse_v4(text, octets.data())) return std::nullopt;
    return v4(octets);
  }

  /// Whether this is an IPv6 address.
  constexpr bool is_v6() const noexcept { return is_v6_; }

  /// The octets in network order: 4 or 16 of them.
  constexpr std::size_t size() const noexcept { return is_v6_ ? 16 : 4; }
  /// One octet.
  constexpr std::uint8_t operator[](std::size_t i) const noexcept { return bytes_[i]; }
  /// All octets as bytes of this object.
  std::string_view bytes() const noexcept { return {reinterpret_cast<char const*>(bytes_.data()), size()}; }
  friend constexpr bool operator==(address const&, address const&) = default;

 private:
  static constexpr bool parse_v4(std::string_view text, std::uint8_t* into) noexcept {
    for (int field = 0; field != 4; ++field) {
      if (field != 0) {
        if (text.empty() || text.front() != '.') return false;
        text.remove_prefix(1);
      }
      unsigned value = 0;
      std::size_t digits = 0;
      for (; digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
        value = value * 10 + static_cast<unsigned>(text[digits] - '0');
      if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text.front() == '0')) return false;
      into[field] = static_cast<std::uint8_t>(value);
      text.remove_prefix(digits);
    }
    return text.empty();
  }

  static constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    char const lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  }

  static constexpr std::optional<address> parse_v6(std::string_view text) noexcept {
    std::array<std::uint8_t, 16> octets{};
    std::size_t at = 0, gap = 16;  // the place of "::"; 16: there is none
    if (text.starts_with("::")) {
      gap = 0;
      text.remove_prefix(2);
    }
    while (!text.empty()) {
      if (at >= 16) return std::nullopt;
      std::size_t const end = text.find(':');
      std::string_view const group = text.substr(0, end);
      if (group.find('.') != group.npos) {  // an IPv4 tail
        if (end != text.npos || at > 12 || !parse_v4(group, octets.data() + at)) return std::nullopt;
        at += 4;
        text = {};
        break;
      }
      if (group.empty() || group.size() > 4) return std::nullopt;
      unsigned value = 0;
      for (char c : group) {
        int const digit = hex_digit(c);
        if (digit < 0) return std::nullopt;
        value = value << 4 | static_cast<unsigned>(digit);
      }
      octets[at++] = static_cast<std::uint8_t>(value >> 8);
      octets[at++] = static_cast<std::uint8_t>(value);
      if (end == text.npos) {
        text = {};
        break;
      }
      text.remove_prefix(end + 1);
      if (text.starts_with(":")) {
        if (gap != 16 || at == 16) return std::nullopt;
        gap = at;
        text.remove_prefix(1);
      } else if (text.empty()) {
        return std::nullopt;
      }
    }
    if (gap == 16) return at == 16 ? std::optional{v6(octets)} : std::nullopt;
    if (at == 16) return std::nullopt;
    std::array<std::uint8_t, 16> whole{};
    for (std::size_t i = 0; i != gap; ++i) whole[i] = octets[i];
    for (std::size_t i = gap; i != at; ++i) whole[16 - at + i] = octets[i];
    return v6(whole);
  }

  std::array<std::uint8_t, 16> bytes_{};
  bool is_v6_ = false;
};

/// The text that parse() reads: "192.0.2.1", or RFC 5952's for IPv6: "2001:db8::1", "::ffff:192.0.2.1". Allocates. (A
/// template, so that only programs that ask for it compile it.)
template <std::same_as<address> Address>
std::string to_string(Address const& a) {
  auto const dotted = [&](std::size_t from) {
    std::string text = std::to_string(a[from]);
    for (std::size_t i = from + 1; i != from + 4; ++i) text += "." + std::to_string(a[i]);
    return text;
  };
  if (!a.is_v6()) return dotted(0);
  auto const group = [&](std::size_t i) { return static_cast<unsigned>(a[2 * i] << 8 | a[2 * i + 1]); };
  std::size_t gap = 8, gap_size = 1;  // the first of the longest runs of zeros; a single zero is written
  for (std::size_t i = 0, run = 0; i != 8; ++i) {
    run = group(i) == 0 ? run + 1 : 0;
    if (run > gap_size) gap = i + 1 - run, gap_size = run;
  }
  bool const is_mapped = gap == 0 && gap_size == 5 && group(5) == 0xFFFF;
  std::string text;
  for (std::size_t i = 0; i != 8; ++i) {
    if (i == gap) {
      text += "::";
      i += gap_size - 1;
      continue;
    }
    if (i != 0 && i != gap + gap_size) text += ":";
    if (i == 6 && is_mapped) return text + dotted(12);
    unsigned const value = group(i);
    for (int shift = 12; shift >= 0; shift -= 4)
      if (value >> shift != 0 || shift == 0) text += "0123456789abcdef"[value >> shift & 15];
  }
  return text;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
