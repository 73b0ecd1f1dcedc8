// SPDX-License-Identifier: MIT
// Converts between endpoints and text such as "127.0.0.1:8080" or "[::1]:8080".
#pragma once

#include "net.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace proxy {

inline std::optional<tcp::endpoint> parse_endpoint(std::string_view text) {
  auto const colon = text.rfind(':');
  if (colon == text.npos) return {};
  std::string host{text.substr(0, colon)};
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    return {};
  auto const digits = text.substr(colon + 1);
  unsigned short port = 0;
  auto const [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  error_code ec;
  auto const address = asio::ip::make_address(host, ec);
  if (ec || bad != std::errc{} || end != digits.data() + digits.size()) return {};
  return tcp::endpoint{address, port};
}

// A socket for both address families reports an IPv4 client as ::ffff:192.0.2.1. This returns 192.0.2.1.
inline asio::ip::address unmapped(asio::ip::address const& from) {
  if (from.is_v6() && from.to_v6().is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, from.to_v6());
  return from;
}

inline std::string to_text(tcp::endpoint const& at) {
  auto const host = at.address().to_string();
  return (at.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(at.port());
}

}  // namespace proxy
