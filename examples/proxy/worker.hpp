// SPDX-License-Identifier: MIT
// One thread of the proxy, with its own event loop, picker and connections to the backends.
#pragma once

#include "health.hpp"
#include "proxy.hpp"
#include "upstream.hpp"

#include <set>
#include <thread>

namespace proxy {

using picker = decltype(std::declval<shared&>().balancer.make_picker());

// The connection of one client.
struct client {
  client(tcp::socket socket, tcp::endpoint from, std::size_t header_limit)
      : stream{std::move(socket)}, buffer{header_limit + 64 * 1024}, peer{from}, address{from.address().to_string()} {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;  // bounded, because Beast does not limit the line before a chunk
  tcp::endpoint peer;
  std::string address;  // the address of the peer as text
  bool idle = false;    // between two requests
};

class worker {
 public:
  worker(shared& s, health& h);
  ~worker();

  void run();  // starts the thread, which ends when the worker has drained

  // These may be called from any thread.
  void drain();                    // finishes the requests, closes idle connections, then ends the thread
  void stop();                     // ends the thread at once
  void adopt(tcp::socket socket);  // serves a client; the socket must have been made for `io`

  shared& all;
  health& backend_health;
  picker pick;
  std::set<client*> clients;  // declared before `io`, because its destructor ends the sessions that are listed here
  asio::io_context io{1};
  upstream_connections upstream;
  bool closing = false;  // the proxy drains and the time for one more request is over

 private:
  task<> sweep();

  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer sweep_timer_;
  std::thread thread_;
};

}  // namespace proxy
