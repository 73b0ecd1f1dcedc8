// SPDX-License-Identifier: MIT
// An open-loop load. Requests are sent on a fixed schedule even if earlier ones were not answered yet, and a latency
// counts from the moment the request was due. So a stall shows in every request that it delayed, not only in one.
#pragma once

#include "../net.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace demo {

using namespace proxy;
using clock = std::chrono::steady_clock;

// The result of one request.
struct sample {
  clock::time_point due;
  std::chrono::nanoseconds latency;
  std::uint32_t client;
  std::string backend;  // X-Backend of the answer
  std::string failure;  // empty after an answer with status 200
};

struct load_plan {
  tcp::endpoint target;
  double rate = 1000;      // requests per second of all clients together
  unsigned clients = 400;  // each has its own address in 127.0.0.0/8
  std::string path = "/";
  std::chrono::nanoseconds timeout = 5s;
};

// Returns the address of a client. All octets after the first vary.
asio::ip::address_v4 client_address(std::uint32_t client);

class load_generator {
 public:
  load_generator(asio::io_context& io, load_plan plan, std::function<void(sample const&)> done);
  ~load_generator();

  task<> connect();  // opens a connection for every client, so that the first requests do not wait for one
  task<> run();      // sends until stop(), then waits for the answers
  void stop() { stopping_ = true; }
  void disconnect();  // may be called after all requests were answered

 private:
  struct connection;
  struct client {
    std::uint32_t number;
    std::vector<std::unique_ptr<connection>> idle;
  };

  task<> send(client& from, clock::time_point due);
  task<std::unique_ptr<connection>> open(client& from, error_code& ec);

  asio::io_context& io_;
  load_plan plan_;
  std::function<void(sample const&)> done_;
  std::string request_;
  std::vector<client> clients_;
  std::uint64_t outstanding_ = 0;
  bool stopping_ = false;
};

}  // namespace demo
