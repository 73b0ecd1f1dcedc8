// The processes of one performance: the backends and the proxy in front of them, on loopback. All end with this object.
#pragma once

#include "process.hpp"
#include "scenario.hpp"

namespace demo {

using namespace proxy;

struct backend_state {
  std::int64_t last_pick_ns = 0;
  std::string state;
};

class stage {
 public:
  stage(settings const& how, std::string_view policy);  // starts everybody; throws std::runtime_error

  tcp::endpoint address() const { return at(proxy_port_); }  // of the proxy
  void kill(std::size_t who) { backends_[who].kill(); }
  void start_backend(std::size_t who);
  task<> set_speed(std::size_t who, std::chrono::microseconds service);
  void add_the_newcomer();  // to the configuration, which the proxy reads again
  task<> until_all_up();
  task<backend_state> ask_about(std::size_t who);  // the proxy
  task<std::string> explain(std::string client);
  task<int> drain();               // the proxy; gives its exit code, −1 if it did not end
  std::string last_words() const;  // of the proxy's log

 private:
  static tcp::endpoint at(unsigned short port) { return {asio::ip::make_address("127.0.0.1"), port}; }
  void write_configuration(std::size_t members);

  settings const& how_;
  std::string_view policy_;
  work_folder folder_;
  std::array<unsigned short, everybody> ports_{};
  std::array<process, everybody> backends_;
  process proxy_;
  unsigned short proxy_port_ = 0;
};

}  // namespace demo
