// One request: who answers it, and who else if that one cannot.
#pragma once

#include "exchange.hpp"
#include "worker.hpp"

namespace proxy {

// False: the client's connection cannot be used again.
task<bool> forward(worker& at, client& c, client_request& request, client_side side);

// An answer of our own. Its result is side.keep_alive, or false on error.
task<bool> reply(worker& at, client& c, unsigned status, std::string text, client_side side,
                 std::string_view type = "text/plain; charset=utf-8", bool head = false);

// What a keyed policy hashes for this request. The key may look into `text`: the header it came from is changed on its
// way to the backend.
equipoise::any_key key_of(shared const& all, client const& c, client_request const& request, std::string& text);

}  // namespace proxy
