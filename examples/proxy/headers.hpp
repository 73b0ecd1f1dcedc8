// What must be changed in a message that passes through: RFC 9110, section 7.6.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/verb.hpp>

#include <string_view>

namespace proxy {

namespace http = boost::beast::http;

// May be sent twice without harm (RFC 9110, section 9.2.2).
bool repeatable(http::verb method) noexcept;

// Makes "GET http://host/path" a "GET /path" with that Host, which counts whatever the Host field says (RFC 9112,
// section 3.2.2). False: the target is of no form that a backend can be asked for.
bool to_origin_form(http::request_header<>& request);

// Removes what is meant for one connection only: Connection and all it names, Keep-Alive, TE, Trailer, Upgrade and so
// on, Transfer-Encoding too, for each side frames its own.
void remove_hop_by_hop(http::fields& header);

// Adds the client to X-Forwarded-For, and X-Forwarded-Proto and X-Forwarded-Host where nobody before us did.
void add_forwarded(http::fields& header, boost::asio::ip::address const& client);

inline std::string_view view(boost::beast::string_view text) noexcept { return {text.data(), text.size()}; }
inline boost::beast::string_view view(std::string_view text) noexcept { return {text.data(), text.size()}; }

}  // namespace proxy
