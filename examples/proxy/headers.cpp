#include "headers.hpp"

#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace proxy {

namespace beast = boost::beast;

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
  std::string const target{view(request.target())};
  if (target.starts_with('/')) return true;
  if (target == "*") return request.method() == http::verb::options;
  auto const scheme = target.find("://");
  if (scheme == target.npos || !(beast::iequals(view(std::string_view{target}.substr(0, scheme)), "http") ||
                                 beast::iequals(view(std::string_view{target}.substr(0, scheme)), "https")))
    return false;
  auto const begin = scheme + 3, end = std::min(target.find_first_of("/?#", begin), target.size());
  auto const host = target.substr(begin, end - begin);
  if (host.empty() || host.find('@') != host.npos) return false;
  auto const rest = target.substr(end);
  request.set(http::field::host, host);
  bool const all = rest.empty() && request.method() == http::verb::options;
  request.target(rest.starts_with('/') ? rest : all ? "*" : '/' + rest);
  return true;
}

void remove_hop_by_hop(http::fields& header) {
  std::vector<std::string> named;
  auto const [first, last] = header.equal_range(http::field::connection);
  for (auto line = first; line != last; ++line)
    for (auto const& token : http::token_list{line->value()}) named.emplace_back(view(token));
  for (auto const& name : named)
    if (!beast::iequals(name, "Host") && !beast::iequals(name, "Content-Length")) header.erase(name);
  for (auto name : {http::field::connection, http::field::keep_alive, http::field::proxy_connection, http::field::te,
                    http::field::trailer, http::field::transfer_encoding, http::field::upgrade})
    header.erase(name);
}

void add_forwarded(http::fields& header, boost::asio::ip::address const& client) {
  constexpr std::string_view name = "X-Forwarded-For";
  std::string chain;
  auto const [first, last] = header.equal_range(view(name));
  for (auto line = first; line != last; ++line) (chain += view(line->value())) += ", ";
  header.set(view(name), chain + client.to_string());
  if (header.count("X-Forwarded-Proto") == 0) header.set("X-Forwarded-Proto", "http");
  if (header.count("X-Forwarded-Host") == 0 && header.count(http::field::host) != 0)
    header.set("X-Forwarded-Host", header[http::field::host]);
}

}  // namespace proxy
