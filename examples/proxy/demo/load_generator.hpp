// An open-loop load: requests leave on a fixed schedule whether or not earlier ones were answered, and a latency counts
// from the moment the request was due. So a stall is seen by all the requests that it kept waiting, not by one.
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

// How one request ended.
struct sample {
  clock::time_point due;
  std::chrono::nanoseconds latency;
  std::uint32_t client;
  std::string backend;  // what the answer's X-Backend says
  std::string failure;  // empty: answered, with status 200
};

struct load_plan {
  tcp::endpoint target;
  double rate = 1000;      // requests a second, all clients together
  unsigned clients = 400;  // each with an address of its own in 127.0.0.0/8
  std::string path = "/";
  std::chrono::nanoseconds patience = 5s;
};

// The address of a client: all octets after the first vary.
asio::ip::address_v4 client_address(std::uint32_t client);

class load_generator {
 public:
  load_generator(asio::io_context& io, load_plan plan, std::function<void(sample const&)> done);
  ~load_generator();

  task<> connect();  // every client opens its connection, so that the first requests do not pay for it
  task<> run();      // sends until stop(), then waits for the answers
  void stop() { stopping_ = true; }
  void disconnect();  // once all is answered
  std::uint64_t outstanding() const { return outstanding_; }

 private:
  struct connection;
  struct client {
    std::uint32_t number;
    std::vector<std::unique_ptr<connection>> idle;
  };

  task<> one(client& who, clock::time_point due);
  task<std::unique_ptr<connection>> open(client& who, error_code& ec);

  asio::io_context& io_;
  load_plan plan_;
  std::function<void(sample const&)> done_;
  std::string request_;
  std::vector<client> clients_;
  std::uint64_t outstanding_ = 0;
  bool stopping_ = false;
};

}  // namespace demo
