// SPDX-License-Identifier: MIT
// What a proxy must change in a message that it passes on (RFC 9110, section 7.6).
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/verb.hpp>

namespace proxy {

namespace http = boost::beast::http;

// True if the method is idempotent, so that the request may be sent twice (RFC 9110, section 9.2.2).
bool repeatable(http::verb method) noexcept;

// Turns "GET http://host/path" into "GET /path" with that Host. The host of the target overrides the Host field
// (RFC 9112, section 3.2.2). Returns false if no backend can be asked for this target.
bool to_origin_form(http::request_header<>& request);

// Removes the fields that are meant for one connection only: Connection, every field that it names, Keep-Alive, TE,
// Trailer, Upgrade and similar ones. Transfer-Encoding goes too, because each connection frames its messages itself.
void remove_hop_by_hop(http::fields& header);

// Adds the client to X-Forwarded-For, on a line of its own if the others are very long. Sets X-Forwarded-Proto and
// X-Forwarded-Host if no earlier proxy did.
void add_forwarded(http::fields& header, boost::asio::ip::address const& client);

}  // namespace proxy
