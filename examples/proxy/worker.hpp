// One thread of the proxy: its own event loop, its own picker, its own connections to the backends.
#pragma once

#include "health.hpp"
#include "proxy.hpp"
#include "upstream.hpp"

#include <set>
#include <thread>

namespace proxy {

using picker = decltype(std::declval<shared&>().balancer.make_picker());

// A client's connection.
struct client {
  client(tcp::socket socket, tcp::endpoint from, std::size_t header_limit)
      : stream{std::move(socket)}, buffer{header_limit + 64 * 1024}, peer{from}, address{from.address().to_string()} {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;  // bounded: the line before a chunk has no limit of its own
  tcp::endpoint peer;
  std::string address;  // the peer's, as text
  bool idle = false;    // between two requests
};

class worker {
 public:
  worker(shared& s, health& h);
  ~worker();

  void run();                      // in its own thread, until it has drained
  void drain();                    // from any thread: finish what is there, close what is idle, then let run() end
  void stop();                     // from any thread: at once
  void adopt(tcp::socket socket);  // from any thread; the socket belongs to `io`

  shared& all;
  health& wellness;
  picker pick;
  std::set<client*> clients;  // before `io`, whose end destroys the sessions that are in here
  asio::io_context io{1};
  upstream_connections upstream;
  bool closing = false;  // draining, and the time for one more request is over

 private:
  task<> sweep();

  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer sweep_timer_;
  std::thread thread_;
};

}  // namespace proxy
