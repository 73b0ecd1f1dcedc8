// SPDX-License-Identifier: MIT
// The example's backend as a process that a test can kill, freeze and start again, and a load of many clients.
#pragma once

#include "fixture.hpp"

#include <nlohmann/json.hpp>

#include <map>

namespace fixture {

class real_backend {
 public:
  explicit real_backend(std::string name, std::string service = "1ms")
      : name_{std::move(name)}, service_{std::move(service)}, port_{demo::free_port()} {
    start();
  }

  void start() {
    auto const at = "127.0.0.1:" + std::to_string(port_);
    process_ =
        demo::process{{BACKEND_PROGRAM, "--name", name_, "--listen", at, "--service", service_}, folder_.path("log")};
    if (process_.first_line(20s).empty()) throw std::runtime_error{"the backend did not start"};
  }
  void kill() { process_.kill(); }
  void signal(int number) { process_.signal(number); }
  std::string control(std::string const& command) const {
    auto w = connection::to(port_);
    w.send("PUT /control/" + command + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    return w.read_to_end();
  }
  std::string const& name() const { return name_; }
  std::string toml() const {
    return "[[backend]]\nname = \"" + name_ + "\"\naddress = \"127.0.0.1:" + std::to_string(port_) + "\"\n";
  }

 private:
  std::string name_, service_;
  unsigned short port_;
  demo::work_folder folder_;
  demo::process process_;
};

// What the proxy reports about a backend.
inline nlohmann::json stats_of(proxy_process const& p, std::string const& name) {
  auto const stats = nlohmann::json::parse(p.body_of("/-/stats"), nullptr, false);
  if (stats.is_object())
    for (auto const& b : stats["backends"])
      if (b["name"] == name) return b;
  return {{"state", "no answer"}, {"picks", 0}};
}
inline bool is_up(proxy_process const& p, std::string const& name) { return stats_of(p, name)["state"] == "up"; }
inline int picks_of(proxy_process const& p, std::string const& name) { return stats_of(p, name)["picks"]; }

// Clients that send one GET after another until stop(). A request is lost if its answer is not status 200.
class steady_load {
 public:
  steady_load(proxy_process const& p, int clients) : proxy_{p} {
    for (int i = 0; i != clients; ++i) threads_.emplace_back([this] { run(); });
  }
  ~steady_load() { stop(); }

  void stop() {
    stopping_ = true;
    for (auto& t : threads_)
      if (t.joinable()) t.join();
  }
  int answered() const { return answered_; }
  int lost() const { return lost_; }
  // Waits until that many more requests were answered. Returns false if that takes too long.
  bool more(int requests) const {
    return eventually([&, goal = answered_ + requests] { return answered_ >= goal; });
  }
  std::string first_loss() const {
    std::lock_guard const lock{mutex_};
    return first_loss_;
  }

 private:
  void run() {
    for (auto w = proxy_.connect(); !stopping_;) {
      w.send(plain_request);
      auto const got = w.read_message();
      if (got.starts_with("HTTP/1.1 200 ")) {
        ++answered_;
        continue;
      }
      if (lost_++ == 0) {
        std::lock_guard const lock{mutex_};
        first_loss_ = got.empty() ? "no answer" : got;
      }
      if (got.empty()) return;
    }
  }

  proxy_process const& proxy_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> answered_{0}, lost_{0};
  mutable std::mutex mutex_;
  std::string first_loss_;
  std::vector<std::thread> threads_;
};

}  // namespace fixture
