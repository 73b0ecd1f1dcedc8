// SPDX-License-Identifier: MIT
// A real etcd of a test's own, with one member or three, on high ports of the loopback interface. Needs Boost.
#pragma once

#include <equipoise/with/etcd_client.hpp>

#include "examples/proxy/demo/process.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <thread>

namespace etcd_cluster {
using namespace std::chrono_literals;
using nlohmann::json;

// Where the program is; empty if it is not installed.
inline std::string etcd() {
  for (char const* path : {"/usr/bin/etcd", "/usr/local/bin/etcd", "/opt/homebrew/bin/etcd"})
    if (std::filesystem::exists(path)) return path;
  return {};
}

struct cluster {
  demo::work_folder folder;
  std::vector<unsigned short> clients, peers;
  std::vector<demo::process> members;
  std::vector<std::string> endpoints;

  explicit cluster(std::size_t size) : members(size) {
    for (std::size_t i = 0; i != size; ++i) {
      clients.push_back(demo::free_port());
      peers.push_back(demo::free_port());
      endpoints.push_back("127.0.0.1:" + std::to_string(clients.back()));
    }
    for (std::size_t i = 0; i != size; ++i) start(i);
    for (int i = 0; i != 300 && !put("x/ready", "1"); ++i) std::this_thread::sleep_for(100ms);
  }
  void start(std::size_t i) {
    auto const url = [](unsigned short port) { return "http://127.0.0.1:" + std::to_string(port); };
    std::string all;
    for (std::size_t k = 0; k != peers.size(); ++k)
      all += (k == 0 ? "m" : ",m") + std::to_string(k) + "=" + url(peers[k]);
    auto const name = "m" + std::to_string(i);
    members[i] = demo::process{
        {etcd(), "--name", name, "--data-dir", folder.path(name), "--listen-client-urls", url(clients[i]),
         "--advertise-client-urls", url(clients[i]), "--listen-peer-urls", url(peers[i]),
         "--initial-advertise-peer-urls", url(peers[i]), "--initial-cluster", all, "--log-level", "error"},
        folder.path("log")};
  }
  // A request of its own to the first member that answers. Nothing if none does.
  std::optional<json> ask(std::string const& target, json const& body) {
    for (auto const& endpoint : endpoints) {
      boost::asio::io_context io;
      std::optional<json> answer;
      // GCC 12 destroys a temporary twice that is made by braces in a co_await.
      equipoise::etcd_task const task{equipoise::etcd_task::kind::range, endpoint, target, body.dump()};
      auto work = [&]() -> boost::asio::awaitable<void> {
        auto const [status, text] = co_await equipoise::detail::ask_etcd(task);
        if (status == 200) answer = json::parse(text);
      };
      boost::asio::co_spawn(io, work, [](std::exception_ptr) {});
      io.run();
      if (answer) return answer;
    }
    return {};
  }
  bool put(std::string const& key, std::string const& value) {
    return ask("/v3/kv/put",
               {{"key", equipoise::detail::base64("/equipoise/" + key)}, {"value", equipoise::detail::base64(value)}})
        .has_value();
  }
  bool erase(std::string const& key) {
    return ask("/v3/kv/deleterange", {{"key", equipoise::detail::base64("/equipoise/" + key)}}).has_value();
  }
};

}  // namespace etcd_cluster
