// The control thread: accepts connections and hands them to the workers in turn, checks health, settles the pool,
// listens to signals. SIGTERM and SIGINT drain, a second one stops at once; SIGHUP reads the backends again.
#pragma once

#include "health.hpp"
#include "worker.hpp"

#include <boost/asio/signal_set.hpp>

#include <memory>
#include <vector>

namespace proxy {

class control {
 public:
  explicit control(config settings);  // throws config_error, or runtime_error where the address is taken
  void run();                         // until drained

 private:
  task<> accept();
  task<> refresh();
  task<> signals();
  void read_again();
  task<> drain();

  // One io_context a worker, so the next connection is accepted right onto the loop that will serve it.
  worker& next() { return *workers_[turn_++ % workers_.size()]; }

  asio::io_context io_{1};
  shared all_;
  health health_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::size_t turn_ = 0;
};

}  // namespace proxy
