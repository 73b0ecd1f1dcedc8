// SPDX-License-Identifier: MIT
// The processes of one run: the backends and the proxy, on loopback. The destructor ends all of them.
#pragma once

#include "process.hpp"
#include "scenario.hpp"

namespace demo {

using namespace proxy;

struct member_plan {
  std::uint32_t weight = 1;
  std::chrono::microseconds service = 2ms;
};

struct fleet_plan {
  std::string policy, settings;  // settings: the sections of the proxy's configuration
  std::array<member_plan, backend_count> members{};
  std::size_t initial = initial_count;
};

struct backend_state {
  std::int64_t last_pick_ns = 0;
  std::string state;
  std::uint64_t picks = 0, failed = 0;
  std::uint32_t in_flight = 0;
};

class fleet {
 public:
  fleet(settings const& options, fleet_plan plan);  // starts all processes; throws std::runtime_error

  tcp::endpoint proxy_address() const { return at(proxy_port_); }
  void kill(std::size_t index) { backends_[index].kill(); }
  void signal(std::size_t index, int number) { backends_[index].signal(number); }
  task<int> wait_for_exit(std::size_t index);  // returns its exit code, or −1 if it does not exit
  void start_backend(std::size_t index);
  task<> set_service_time(std::size_t index, std::chrono::microseconds service);
  task<> set_errors(std::size_t index, double share, unsigned status);
  void set_weight(std::size_t index, std::uint32_t weight);  // the proxy reloads its configuration
  void add_backend();                                        // the same with the last backend
  task<> wait_until_up();
  using backend_states = std::array<backend_state, backend_count>;
  task<backend_states> query();  // as the proxy reports them
  task<backend_state> query_backend(std::size_t index);
  process::usage proxy_usage() const { return proxy_.used(); }
  task<std::string> explain(std::string client);
  task<int> drain_proxy();       // returns the exit code of the proxy, or −1 if it did not exit
  std::string log_tail() const;  // the last lines of the proxy's log
  std::vector<std::string> log() const;

 private:
  static tcp::endpoint at(unsigned short port) { return {asio::ip::make_address("127.0.0.1"), port}; }
  void write_configuration();

  settings const& options_;
  fleet_plan plan_;
  work_folder folder_;
  std::array<unsigned short, backend_count> ports_{};
  std::array<process, backend_count> backends_;
  process proxy_;
  unsigned short proxy_port_ = 0;
};

}  // namespace demo
