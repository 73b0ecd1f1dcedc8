// What the proxy is told: one TOML file. See proxy.toml for a complete one.
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
};

// What is hashed by the policies that want a key.
struct key_config {
  enum class source { client, path, header } from = source::client;
  std::string header;
};

enum class admin_access { off, loopback, everybody };

struct config {
  std::string file;
  tcp::endpoint listen{asio::ip::make_address("127.0.0.1"), 8080};
  unsigned workers = 2;
  std::string policy = "round_robin";
  unsigned policy_line = 0;  // where it is said
  key_config key;
  admin_access admin = admin_access::loopback;
  std::optional<std::uint64_t> seed;  // absent: drawn, so that a fleet of proxies does not march in step

  struct {
    bool enabled = true;
    std::string path = "/health";
    std::chrono::nanoseconds interval = 10s, timeout = 2s;
    unsigned rise = 2, fall = 3;
  } checks;
  struct {
    unsigned failures = 3;  // in a row; 0 turns it off
    std::chrono::nanoseconds eject = 10s;
  } passive;
  struct {
    unsigned attempts = 3;  // in all, each on another backend
  } retry;
  struct {
    std::chrono::nanoseconds connect = 1s, response = 30s;  // towards backends
    std::chrono::nanoseconds request = 10s, idle = 60s;     // towards clients
    std::chrono::nanoseconds linger = 1s, drain = 30s;      // after SIGTERM: idle connections, everything
  } timeouts;
  struct {
    std::uint32_t header = 16 * 1024;          // bytes, requests and answers alike
    std::uint64_t request_body = 1024 * 1024;  // bytes, kept in memory; answers have no limit, they stream
    unsigned clients = 10'000;                 // connections
    unsigned idle_per_backend = 64;            // kept alive by each worker
  } limits;
  std::vector<backend_config> backends;
};

inline constexpr std::size_t most_backends = 4096;

// The policy's keys are addresses, and no texts.
inline bool by_address(config const& c) { return c.policy.find("ip_hash") != std::string::npos; }

// "proxy.toml:7: unknown field "intervall" in [checks]; known: …"
struct config_error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

config read_config(std::string const& file);  // throws config_error
config parse_config(std::string const& text, std::string const& file);

}  // namespace proxy
