// SPDX-License-Identifier: MIT
// The surroundings of a proxy under test. Backends do exactly what a test tells them. Clients send exactly the bytes of
// the test. The proxy itself runs as a process.
#pragma once

#include "demo/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fixture {

using namespace std::chrono_literals;

// A connected socket that is closed with its object. Reading gives up after a time limit, so no test hangs.
class connection {
 public:
  explicit connection(int fd) : fd_{fd} {}
  connection(connection&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  ~connection() { close(); }

  static connection to(unsigned short port) {
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return ::close(fd), connection{-1};
    return connection{fd};
  }

  bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Closes with a reset instead of an orderly end.
  void abort() {
    linger const at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  // Ends the sending side only.
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  bool send(std::string_view text) {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  // Appends the next bytes to `received`. Returns false at the end, or if nothing comes in time.
  bool read_more(std::chrono::milliseconds time_limit = 10s) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(time_limit.count())) <= 0) return false;
    char piece[65536];
    auto const n = ::recv(fd_, piece, sizeof piece, 0);
    if (n > 0) received.append(piece, static_cast<std::size_t>(n));
    ended = n <= 0;
    reset = n < 0 && errno == ECONNRESET;
    return n > 0;
  }
  std::string read_to_end() {
    while (read_more()) {
    }
    return std::exchange(received, {});
  }
  // Returns a header and as much of a body as its Content-Length says. Empty if the connection ends before that.
  std::string read_message(bool bodiless = false) {
    std::size_t end;
    while ((end = received.find("\r\n\r\n")) == received.npos)
      if (!read_more()) return {};
    std::size_t whole = end + 4;
    if (auto const at = received.find("Content-Length: "); !bodiless && at < end)
      whole += std::stoul(received.substr(at + 16));
    while (received.size() < whole)
      if (!read_more()) return {};
    std::string const first = received.substr(0, whole);
    received.erase(0, whole);
    return first;
  }

  std::string received;
  bool ended = false;  // by the peer
  bool reset = false;  // by the peer, without an orderly close

 private:
  int fd_;
};

inline std::string answer(std::string const& body, std::string const& more = "") {
  return "HTTP/1.1 200 OK\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A backend that runs the test's script for each request. Each connection has its own thread. Requests for /health have
// a script of their own, and are not counted.
class scripted_backend {
 public:
  // Called for each request. It may close the connection.
  using script = std::function<void(connection&, std::string const& request)>;

  explicit scripted_backend(
      script s, script health = [](connection& w, std::string const&) { w.send(answer("ok")); })
      : script_{std::move(s)}, health_{std::move(health)}, port_{demo::free_port()} {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int const on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port_);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(listener_, 64);
    acceptor_ = std::thread{[this] { accept(); }};
  }
  ~scripted_backend() {
    stop_ = true;
    acceptor_.join();
    for (auto& t : threads_) t.join();
    ::close(listener_);
  }

  unsigned short port() const { return port_; }
  std::string toml(std::string const& name) const {
    return "[[backend]]\nname = \"" + name + "\"\naddress = \"127.0.0.1:" + std::to_string(port_) + "\"\n";
  }
  int requests() const { return requests_; }
  std::string last() const {
    std::lock_guard const lock{mutex_};
    return last_;
  }

 private:
  void accept() {
    while (!stop_) {
      pollfd ready{listener_, POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      int const fd = ::accept(listener_, nullptr, nullptr);
      if (fd >= 0) threads_.emplace_back([this, fd] { serve(connection{fd}); });
    }
  }
  void serve(connection w) {
    while (!stop_ && w.open() && !w.ended) {
      if (w.received.empty() && !w.read_more(20ms)) continue;  // in small steps, to notice the end of the test
      auto const request = w.read_message();
      if (request.empty()) return;
      if (request.starts_with("GET /health ")) {
        health_(w, request);
        continue;
      }
      ++requests_;
      {
        std::lock_guard const lock{mutex_};
        last_ = request;
      }
      script_(w, request);
    }
  }

  script script_, health_;
  unsigned short port_;
  int listener_;
  std::atomic<bool> stop_{false};
  std::atomic<int> requests_{0};
  mutable std::mutex mutex_;
  std::string last_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

inline scripted_backend::script answers_with(std::string const& name) {
  return [name](connection& w, std::string const&) { w.send(answer(name, "X-Backend: " + name + "\r\n")); };
}

inline constexpr char plain_request[] = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

// Neither checks nor failures change the health of a backend.
inline std::string const no_health = "[checks]\nenabled = false\n[passive]\nfailures = 0\n";

// A backend whose port has no listener.
inline std::string dead_backend(std::string const& name) {
  return "[[backend]]\nname = \"" + name + "\"\naddress = \"127.0.0.1:" + std::to_string(demo::free_port()) + "\"\n";
}

// Waits until the condition is true. Returns false if it is not after ten seconds.
template <class Condition>
bool eventually(Condition condition) {
  auto const until = std::chrono::steady_clock::now() + 10s;
  while (!condition())
    if (std::chrono::steady_clock::now() > until)
      return false;
    else
      std::this_thread::sleep_for(5ms);
  return true;
}

// The program, running with this configuration. It gets port 0 and seed 0, so every run starts the same sequences.
class proxy_process {
 public:
  explicit proxy_process(std::string const& toml, std::string const& first = "workers = 1\n",
                         std::string const& limit = ":") {
    start(first, toml, limit);
  }

  connection connect() const { return connection::to(port_); }
  std::string get(std::string const& target, std::string const& more = "") const {
    auto w = connect();
    w.send("GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + more + "\r\n");
    return w.read_to_end();
  }
  std::string body_of(std::string const& target) const {
    auto const all = get(target);
    auto const end = all.find("\r\n\r\n");
    return end == all.npos ? "" : all.substr(end + 4);
  }
  void configure(std::string const& toml) {
    std::ofstream{file()} << first_ << toml;
    process_.signal(SIGHUP);
  }
  void signal(int number) { process_.signal(number); }
  // Returns its exit code, or −1 if it is still running after the time limit.
  int wait_for_exit(std::chrono::milliseconds time_limit = 10s) {
    auto const until = std::chrono::steady_clock::now() + time_limit;
    while (process_.running() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(2ms);
    return process_.exit_code().value_or(-1);
  }
  std::string log() const {
    std::ifstream in{folder_.path("log")};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

 private:
  std::string file() const { return folder_.path("proxy.toml"); }
  // `limit` is a shell command that runs before the shell becomes the program.
  void start(std::string const& first, std::string const& toml, std::string const& limit) {
    first_ = (first.starts_with("listen") ? first : "listen = \"127.0.0.1:0\"\n" + first) + "seed = 0\n";
    std::ofstream{file()} << first_ << toml;
    process_ =
        demo::process{{"/bin/sh", "-c", limit + "; exec \"$0\" \"$1\"", PROXY_PROGRAM, file()}, folder_.path("log")};
    auto const line = process_.first_line(20s);
    if (line.empty()) throw std::runtime_error{"the proxy did not start: " + log()};
    port_ = static_cast<unsigned short>(std::stoul(line.substr(line.rfind(':') + 1)));
  }

  demo::work_folder folder_;
  demo::process process_;
  std::string first_;
  unsigned short port_ = 0;
};

}  // namespace fixture
