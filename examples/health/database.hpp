// SPDX-License-Identifier: MIT
// Asks a PostgreSQL server for SELECT 1, without blocking.
#pragma once

#include "watch.hpp"

#include <libpq-fe.h>

#include <memory>
#include <string>

namespace health {

class database {
 public:
  // A connection string of libpq, such as "host=127.0.0.1 dbname=app" or "postgresql://…". Looking up a host name
  // blocks this thread; an address does not.
  explicit database(std::string target) : target_{std::move(target)} {}

  // Throws the reason if the answer is not 1. The connection is kept for the next check.
  task<> check(watch& w);

 private:
  struct closer {
    void operator()(PGconn* c) const noexcept { PQfinish(c); }
  };
  using connection = std::unique_ptr<PGconn, closer>;

  task<connection> connect(watch& w) const;
  static task<> select_1(PGconn* c, watch& w);

  std::string target_;
  connection kept_;
};

}  // namespace health
