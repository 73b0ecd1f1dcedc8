// SPDX-License-Identifier: MIT
// Notices that a client disconnects while its request is being answered.
#pragma once

#include "client.hpp"

#include <memory>

namespace proxy {

class exchange;

// Watches from its construction to its destruction. Meanwhile only the client's answer is written, and the bytes of
// further requests go into the client's buffer. A client that has closed only its sending side counts as disconnected,
// because both look the same.
class client_watch {
 public:
  explicit client_watch(client& c);
  ~client_watch();
  client_watch(client_watch const&) = delete;

  bool gone() const noexcept { return state_->gone; }

  // The attempt to give up when the client disconnects, or nullptr.
  void set_attempt(exchange* attempt) noexcept { state_->attempt = attempt; }

 private:
  struct state {
    client* watched;  // nullptr after the end of the watch
    exchange* attempt = nullptr;
    bool gone = false;
  };
  static void wait(std::shared_ptr<state> const& s);
  static void look(state& s);

  std::shared_ptr<state> state_;
};

}  // namespace proxy
