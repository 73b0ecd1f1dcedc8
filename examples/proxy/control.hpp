// SPDX-License-Identifier: MIT
// The control thread accepts connections, hands them to the workers in turn, checks health and refreshes the pool.
// SIGTERM and SIGINT drain the proxy. A second one stops it at once. SIGHUP reads the backends again,
// unless they come from etcd.
#pragma once

#include "discovery.hpp"
#include "health.hpp"
#include "worker.hpp"

#include <boost/asio/signal_set.hpp>

#include <memory>
#include <vector>

namespace proxy {

class control {
 public:
  explicit control(config settings);  // throws config_error, or std::runtime_error if the address is in use
  void run();                         // returns when the proxy has drained

 private:
  task<bool> accept();
  task<bool> refresh();
  task<bool> signals();
  void reload();
  bool assign(config const& fresh);  // the backends
  task<> drain();

  // Each worker has its own io_context, so a connection is accepted directly for the loop that will serve it.
  worker& next_worker() { return *workers_[turn_++ % workers_.size()]; }

  asio::io_context io_{1};
  shared all_;
  health health_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::size_t turn_ = 0;
  std::unique_ptr<discovery> discovery_;  // null: the backends are those of the file
};

}  // namespace proxy
