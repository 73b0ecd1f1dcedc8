// SPDX-License-Identifier: MIT
// The processes for the run of one policy: the backends and the proxy, on loopback. The destructor ends all of them.
#pragma once

#include "process.hpp"
#include "scenario.hpp"

namespace demo {

using namespace proxy;

struct backend_state {
  std::int64_t last_pick_ns = 0;
  std::string state;
};

class fleet {
 public:
  fleet(settings const& options, policy_setup const& policy);  // starts all processes; throws std::runtime_error

  tcp::endpoint proxy_address() const { return at(proxy_port_); }
  void kill(std::size_t index) { backends_[index].kill(); }
  void start_backend(std::size_t index);
  task<> set_service_time(std::size_t index, std::chrono::microseconds service);
  void add_backend();  // adds the last backend to the configuration and lets the proxy reload it
  task<> wait_until_up();
  task<backend_state> query_backend(std::size_t index);  // as the proxy reports it
  task<std::string> explain(std::string client);
  task<int> drain_proxy();       // returns the exit code of the proxy, or −1 if it did not exit
  std::string log_tail() const;  // the last lines of the proxy's log

 private:
  static tcp::endpoint at(unsigned short port) { return {asio::ip::make_address("127.0.0.1"), port}; }
  void write_configuration(std::size_t members);

  settings const& options_;
  policy_setup const& policy_;
  work_folder folder_;
  std::array<unsigned short, backend_count> ports_{};
  std::array<process, backend_count> backends_;
  process proxy_;
  unsigned short proxy_port_ = 0;
};

}  // namespace demo
