// SPDX-License-Identifier: MIT
// The configuration of the proxy, read from one TOML file. proxy.toml shows every setting.
#pragma once

#include "net.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace proxy {

struct backend_config {
  std::string name;  // its key in the pool
  tcp::endpoint address;
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  std::string zone;
  unsigned line = 0;  // of [[backend]] in the file
};

// What keyed policies hash.
struct key_config {
  enum class source { client, path, header } from = source::client;
  std::string header;
  unsigned line = 0;  // of `key` in the file
};

// Which clients may see /-/ .
enum class admin_access { off, loopback, any };

struct config {
  std::string file;
  tcp::endpoint listen{asio::ip::make_address("127.0.0.1"), 8080};
  unsigned workers = 2;
  std::string policy = "round_robin";
  unsigned policy_line = 0;  // the line of `policy` in the file
  key_config key;
  admin_access admin = admin_access::loopback;
  std::optional<std::uint64_t> seed;  // absent: drawn at random, so that several proxies do not pick in step

  struct {
    bool enabled = true;
    std::string path = "/health";
    std::chrono::nanoseconds interval = 10s, timeout = 2s;
    unsigned rise = 2, fall = 3;
    bool await_first = true;  // a backend that joins later gets no work before its first good check
    std::optional<std::chrono::nanoseconds> damping;  // half-life of the penalty for going down; absent: none
  } checks;
  struct {
    unsigned failures = 3;  // in a row, without an answer in between; 0 turns it off
    std::chrono::nanoseconds eject = 10s;
    bool errors = false;  // answers with a status of 500 or more are failures, but not 503
  } passive;
  struct {
    unsigned attempts = 3;                  // in all, each on another backend
    std::chrono::nanoseconds hold = 100ms;  // how long the beginning of an answer is kept back
  } retry;
  struct {
    std::chrono::nanoseconds connect = 1s, response = 30s;  // for backends
    std::chrono::nanoseconds stream = 5min;                 // for each wait within an answer without a length
    std::chrono::nanoseconds request = 10s, idle = 60s;     // for clients
    std::chrono::nanoseconds linger = 1s, drain = 30s;      // after SIGTERM: for idle connections, for all requests
  } timeouts;
  struct {
    std::uint32_t header = 16 * 1024;          // bytes, for requests and answers
    std::uint64_t request_body = 1024 * 1024;  // bytes, kept in memory; answers have no limit because they stream
    unsigned clients = 10'000;                 // connections
    unsigned idle_per_backend = 64;            // kept alive by each worker
  } limits;
  struct {
    std::vector<std::string> etcd;        // host:port of each of its members; empty: no discovery
    std::string prefix = "/equipoise/";   // of all keys
    std::chrono::nanoseconds hold = 10s;  // how long a backend must be missing there until it is removed
  } discovery;
  std::vector<backend_config> backends;  // with discovery: until etcd has answered once
};

inline constexpr std::size_t most_backends = 4096;

// Its text names the file, the line and the field.
struct config_error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

config read_config(std::string const& file);  // throws config_error
config parse_config(std::string const& text, std::string const& file);

}  // namespace proxy
