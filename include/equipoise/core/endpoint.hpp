// SPDX-License-Identifier: MIT
// A ready-made backend: a host and a port, for programs that need no more.
//
//   equipoise::pool<equipoise::endpoint> pool;
//   pool.add({"10.0.0.1", 80});
#pragma once

#include <equipoise/core/backend.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A network endpoint. Two are equal if host and port are equal, whatever their attributes. The key is text().
struct endpoint {
  std::string host;        ///< a name or an address; IPv6 without brackets
  std::uint16_t port = 0;  ///< 1 … 65 535
  attributes attrs = {};   ///< weight, priority, zone

  /// "host:port", with brackets around an IPv6 address.
  std::string text() const {
    bool const bare_v6 = host.find(':') != host.npos;
    return (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  }

  /// The inverse of text(). Fails, naming the text, if it is not host:port with a port of 1 … 65 535.
  static endpoint parse(std::string_view text) {
    auto const parsed = try_parse(text);
    if (!parsed) fail("equipoise: endpoint '" + std::string{text} + "' is not host:port with a port of 1 … 65535");
    return *parsed;
  }
  /// The same; nothing instead of a failure.
  static std::optional<endpoint> try_parse(std::string_view text) {
    auto const colon = text.rfind(':');
    std::string_view host = text.substr(0, colon == text.npos ? 0 : colon);
    bool const bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    std::uint32_t port = 0;
    std::string_view const digits = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
    bool good = !host.empty() && host.find_first_of("[] \t\r\n") == host.npos &&
                (host.find(':') != host.npos) == bracketed && !digits.empty() && digits.size() <= 5;
    for (char c : digits) {
      good = good && c >= '0' && c <= '9';
      port = port * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (!good || port == 0 || port > 65535) return {};
    return endpoint{std::string{host}, static_cast<std::uint16_t>(port)};
  }

  friend bool operator==(endpoint const& a, endpoint const& b) { return a.port == b.port && a.host == b.host; }
};

template <>
struct backend_traits<endpoint> {
  static std::string key_of(endpoint const& e) { return e.text(); }
  static std::uint32_t weight_of(endpoint const& e) noexcept { return e.attrs.weight; }
  static std::uint32_t priority_of(endpoint const& e) noexcept { return e.attrs.priority; }
  static std::string_view zone_of(endpoint const& e) noexcept { return e.attrs.zone; }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
