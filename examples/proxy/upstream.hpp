// SPDX-License-Identifier: MIT
// Connections to backends that are kept alive between requests. Each worker has its own, so there are no locks.
#pragma once

#include "net.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace proxy {

// True if a connection failed because this machine has no descriptor, port or memory left.
bool is_local(error_code ec) noexcept;

struct upstream_connection {
  explicit upstream_connection(asio::any_io_executor executor) : stream{executor} {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  std::chrono::steady_clock::time_point idle_since{};
  bool reused = false;  // the backend may have closed it a moment ago, which is no failure
};

class upstream_connections {
 public:
  using owned = std::unique_ptr<upstream_connection>;

  explicit upstream_connections(std::size_t most_idle) : most_idle_{most_idle} {}

  // Returns the connection that was used last, or nullptr if none looks alive.
  owned take(tcp::endpoint const& to);

  // Connects a new connection. Sets ec on an error, after which nothing was sent. If no descriptor is left, it closes
  // the idle connections and tries again.
  task<> open(upstream_connection& connection, tcp::endpoint to, std::chrono::nanoseconds timeout, error_code& ec);

  // Keeps a connection for a later request. The caller must not pass one that cannot be used again.
  void give(tcp::endpoint const& to, owned connection);

  // Closes the connections that have been idle for longer than `age`.
  void close_older_than(std::chrono::nanoseconds age);

  // From now on only connections to these backends are kept. Idle ones to others are closed.
  void keep_only(std::set<tcp::endpoint> backends);

 private:
  std::size_t most_idle_;
  std::map<tcp::endpoint, std::vector<owned>> idle_;  // oldest first
  std::optional<std::set<tcp::endpoint>> kept_;       // absent: connections to every backend
};

}  // namespace proxy
