// SPDX-License-Identifier: MIT
#include "headers.hpp"

#include <boost/beast/http/rfc7230.hpp>
#include <boost/url/parse.hpp>

#include <string>
#include <vector>

namespace proxy {

namespace beast = boost::beast;

namespace {
constexpr std::size_t longest_chain = 8192;  // bytes in one line of X-Forwarded-For
}

bool repeatable(http::verb method) noexcept {
  switch (method) {
    case http::verb::get:
    case http::verb::head:
    case http::verb::put:
    case http::verb::delete_:
    case http::verb::options:
    case http::verb::trace:
      return true;
    default:
      return false;
  }
}

bool to_origin_form(http::request_header<>& request) {
  std::string const target{request.target()};
  if (target.starts_with('/')) return true;
  if (target == "*") return request.method() == http::verb::options;
  auto const url = boost::urls::parse_absolute_uri(target);
  if (!url || (url->scheme_id() != boost::urls::scheme::http && url->scheme_id() != boost::urls::scheme::https))
    return false;
  if (url->encoded_host().empty() || url->has_userinfo()) return false;
  std::string const origin{url->encoded_target()};
  bool const whole_server = origin.empty() && request.method() == http::verb::options;
  request.set(http::field::host, url->encoded_host_and_port());
  request.target(origin.starts_with('/') ? origin : whole_server ? "*" : '/' + origin);
  return true;
}

void remove_hop_by_hop(http::fields& header) {
  std::vector<std::string> named;
  auto const [first, last] = header.equal_range(http::field::connection);
  for (auto line = first; line != last; ++line)
    for (auto const& token : http::token_list{line->value()}) named.emplace_back(token);
  for (auto const& name : named)
    if (!beast::iequals(name, "Host") && !beast::iequals(name, "Content-Length")) header.erase(name);
  for (auto name : {http::field::connection, http::field::keep_alive, http::field::proxy_connection, http::field::te,
                    http::field::trailer, http::field::transfer_encoding, http::field::upgrade})
    header.erase(name);
}

void add_forwarded(http::fields& header, boost::asio::ip::address const& client) {
  constexpr char name[] = "X-Forwarded-For";
  std::string chain;
  auto const [first, last] = header.equal_range(name);
  for (auto line = first; line != last; ++line) chain.append(line->value()).append(", ");
  chain += client.to_string();
  if (chain.size() <= longest_chain)
    header.set(name, chain);
  else  // several lines mean the same as one (RFC 9110, section 5.3)
    header.insert(name, client.to_string());
  if (header.count("X-Forwarded-Proto") == 0) header.set("X-Forwarded-Proto", "http");
  if (header.count("X-Forwarded-Host") == 0 && header.count(http::field::host) != 0)
    header.set("X-Forwarded-Host", header[http::field::host]);
}

}  // namespace proxy
