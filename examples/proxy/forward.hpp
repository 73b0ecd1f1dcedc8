// SPDX-License-Identifier: MIT
// Gets one request answered. If the picked backend cannot answer it, another one is tried where that is safe.
#pragma once

#include "exchange.hpp"
#include "worker.hpp"

namespace proxy {

// Returns false if the client's connection cannot be used again.
task<bool> forward(worker& at, client& c, client_request& request, client_side side);

// Sends an answer that the proxy made itself. Returns side.keep_alive, or false on an error.
task<bool> reply(worker& at, client& c, unsigned status, std::string text, client_side side,
                 std::string_view type = "text/plain; charset=utf-8", bool head = false);

// Returns what a keyed policy hashes for this request. A request without the configured header field is hashed by the
// client's address and port, so that such requests do not all go to one backend. The key may refer to `text`, because
// the header field that it was copied from is changed before the request is sent.
equipoise::any_key key_of(shared const& all, client const& c, client_request const& request, std::string& text);

}  // namespace proxy
