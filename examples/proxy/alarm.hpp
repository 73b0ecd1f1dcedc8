// SPDX-License-Identifier: MIT
// Calls a function once a time has passed, unless the alarm is destroyed before.
#pragma once

#include "net.hpp"

#include <memory>

namespace proxy {

class alarm {
 public:
  template <class Action>
  alarm(asio::any_io_executor executor, std::chrono::nanoseconds after, Action action) : timer_{executor, after} {
    timer_.async_wait([armed = armed_, action = std::move(action)](error_code ec) {
      if (!ec && *armed) action();
    });
  }
  alarm(alarm const&) = delete;
  // The handler may be queued already, so it must not rely on the timer alone.
  ~alarm() { *armed_ = false; }

 private:
  std::shared_ptr<bool> armed_ = std::make_shared<bool>(true);
  asio::steady_timer timer_;
};

}  // namespace proxy
