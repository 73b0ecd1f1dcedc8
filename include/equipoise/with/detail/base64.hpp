// SPDX-License-Identifier: MIT
// Base64 as protocol buffers have it in JSON: RFC 4648 section 4, with padding.
#pragma once

#include <equipoise/core/config.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

inline constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k != 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k != 4; ++k)
      text += i + k <= bytes.size() ? base64_digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

// Nothing if the text is no base64.
inline std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  text.remove_suffix(padding);
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0, count = 0;
  for (char const c : text) {
    auto const digit = base64_digits.find(c);
    if (digit == base64_digits.npos) return {};
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  if ((bits & ((1u << count) - 1)) != 0) return {};  // bits that belong to no byte
  return bytes;
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
