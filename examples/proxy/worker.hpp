// SPDX-License-Identifier: MIT
// One thread of the proxy, with its own event loop, picker and connections to the backends.
#pragma once

#include "client.hpp"
#include "health.hpp"
#include "proxy.hpp"
#include "upstream.hpp"

#include <set>
#include <thread>

namespace proxy {

using picker = decltype(std::declval<shared&>().balancer.make_picker());

class worker {
 public:
  worker(shared& s, health& h);
  ~worker();

  void run();  // starts the thread, which ends when the worker has drained

  // These may be called from any thread.
  void drain();                    // finishes the requests, closes idle connections, then ends the thread
  void stop();                     // ends the thread at once
  void adopt(tcp::socket socket);  // serves a client; the socket must have been made for `io`
  void keep_connections_to(std::set<tcp::endpoint> backends);  // closes idle connections to all others

  shared& all;
  health& backend_health;
  picker pick;
  picker pick_again;          // for retries, so that they do not shift the turns of first attempts
  std::set<client*> clients;  // declared before `io`, because its destructor ends the sessions that are listed here
  asio::io_context io{1};
  upstream_connections upstream;
  bool closing = false;  // the proxy drains and the time for one more request is over

 private:
  task<> sweep();
  task<> close_idle_clients();

  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer sweep_timer_;
  std::thread thread_;
};

}  // namespace proxy
