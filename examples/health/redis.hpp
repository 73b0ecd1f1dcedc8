// SPDX-License-Identifier: MIT
// Asks a Redis server for PING, without blocking.
#pragma once

#include "watch.hpp"

#include <hiredis/hiredis.h>

#include <memory>

namespace health {

class redis {
 public:
  explicit redis(tcp::endpoint target) : target_{std::move(target)} {}

  // Throws the reason if the answer is not PONG. The connection is kept for the next check.
  task<> check(watch& w);

 private:
  struct closer {
    void operator()(redisContext* c) const noexcept { redisFree(c); }
  };
  using connection = std::unique_ptr<redisContext, closer>;

  connection connect() const;
  static task<> ping(redisContext* c, watch& w);

  tcp::endpoint target_;
  connection kept_;
};

}  // namespace health
