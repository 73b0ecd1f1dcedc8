// Connections to backends that are kept alive between requests. Each worker has its own, so nothing here is locked.
#pragma once

#include "net.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <map>
#include <memory>
#include <vector>

namespace proxy {

// No connection came about because of us, not of the other side: no descriptor, no port, no memory.
bool is_ours(error_code ec) noexcept;

struct upstream_connection {
  explicit upstream_connection(asio::any_io_executor executor) : stream{executor} {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  std::chrono::steady_clock::time_point idle_since{};
  bool reused = false;  // it may have been closed by the other side a moment ago, and that is nobody's failure
};

class upstream_connections {
 public:
  using owned = std::unique_ptr<upstream_connection>;

  explicit upstream_connections(std::size_t most_idle) : most_idle_{most_idle} {}

  // The one used last, if it still looks alive; else nullptr.
  owned take(tcp::endpoint const& to);

  // Opens a new one. On error ec says why, and certainly nothing was sent. Where descriptors have run out, the idle
  // ones are given up for it.
  task<owned> open(tcp::endpoint const& to, std::chrono::nanoseconds patience, error_code& ec);

  // Back for the next request; whoever cannot be used again is not given back.
  void give(tcp::endpoint const& to, owned connection);

  // Closes those idle for longer; called once in a while.
  void close_older_than(std::chrono::nanoseconds age);

 private:
  std::size_t most_idle_;
  std::map<tcp::endpoint, std::vector<owned>> idle_;  // the oldest first
};

}  // namespace proxy
