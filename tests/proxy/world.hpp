// A small world around the proxy: backends that do exactly what a test tells them, clients that send exactly these
// bytes, and the proxy itself as a process.
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

namespace world {

using namespace std::chrono_literals;

// A connected socket that is closed with its object. Reading gives up after a while, so that no test hangs.
class wire {
 public:
  explicit wire(int fd) : fd_{fd} {}
  wire(wire&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  ~wire() { close(); }

  static wire to(unsigned short port) {
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return ::close(fd), wire{-1};
    return wire{fd};
  }

  bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  bool send(std::string_view text) {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  // Appends what comes next to `seen`. False at the end, or when nothing comes.
  bool more(std::chrono::milliseconds patience = 10s) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
    char piece[65536];
    auto const n = ::recv(fd_, piece, sizeof piece, 0);
    if (n > 0) seen.append(piece, static_cast<std::size_t>(n));
    ended = n <= 0;
    reset = n < 0 && errno == ECONNRESET;
    return n > 0;
  }
  std::string until_the_end() {
    while (more()) {
    }
    return std::exchange(seen, {});
  }
  // A header, and as much of a body as its Content-Length says; empty if the wire ends before.
  std::string message(bool bodiless = false) {
    std::size_t end;
    while ((end = seen.find("\r\n\r\n")) == seen.npos)
      if (!more()) return {};
    std::size_t whole = end + 4;
    if (auto const at = seen.find("Content-Length: "); !bodiless && at < end) whole += std::stoul(seen.substr(at + 16));
    while (seen.size() < whole)
      if (!more()) return {};
    std::string const first = seen.substr(0, whole);
    seen.erase(0, whole);
    return first;
  }

  std::string seen;
  bool ended = false;  // by the other side
  bool reset = false;  // and not in order

 private:
  int fd_;
};

inline std::string answer(std::string const& body, std::string const& more = "") {
  return "HTTP/1.1 200 OK\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Plays a part for each connection on a thread of its own. /health is answered for it, and not counted.
class backend {
 public:
  using part = std::function<void(wire&, std::string const& request)>;  // called for each request; closes, if it wants

  explicit backend(part p) : part_{std::move(p)}, port_{demo::free_port()} {
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
  ~backend() {
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
      if (fd >= 0) threads_.emplace_back([this, fd] { play(wire{fd}); });
    }
  }
  void play(wire w) {
    while (!stop_ && w.open() && !w.ended) {
      if (w.seen.empty() && !w.more(20ms)) continue;  // in small steps, for the end of the test to be noticed
      auto const request = w.message();
      if (request.empty()) return;
      if (request.starts_with("GET /health ")) {
        w.send(answer("ok"));
        continue;
      }
      ++requests_;
      {
        std::lock_guard const lock{mutex_};
        last_ = request;
      }
      part_(w, request);
    }
  }

  part part_;
  unsigned short port_;
  int listener_;
  std::atomic<bool> stop_{false};
  std::atomic<int> requests_{0};
  mutable std::mutex mutex_;
  std::string last_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

inline backend::part says(std::string const& name) {
  return [name](wire& w, std::string const&) { w.send(answer(name, "X-Backend: " + name + "\r\n")); };
}

// A state that stays as it is.
inline std::string const no_health = "[checks]\nenabled = false\n[passive]\nfailures = 0\n";

// A port where nobody listens.
inline std::string dead_backend(std::string const& name) {
  return "[[backend]]\nname = \"" + name + "\"\naddress = \"127.0.0.1:" + std::to_string(demo::free_port()) + "\"\n";
}

// The program, with this configuration; port 0 and seed 0 are given, so that sequences begin at their beginning.
class proxy {
 public:
  explicit proxy(std::string const& toml, std::string const& first = "workers = 1\n", std::string const& limit = ":") {
    start(first, toml, limit);
  }

  wire connect() const { return wire::to(port_); }
  std::string get(std::string const& target, std::string const& more = "") const {
    auto w = connect();
    w.send("GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + more + "\r\n");
    return w.until_the_end();
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
  // Its exit code, or −1 if it goes on.
  int end(std::chrono::milliseconds patience = 10s) {
    auto const until = std::chrono::steady_clock::now() + patience;
    while (process_.running() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(2ms);
    return process_.exit_code().value_or(-1);
  }
  std::string log() const {
    std::ifstream in{folder_.path("log")};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  // Waits until it is so; a test that waits in vain fails.
  template <class Condition>
  static bool eventually(Condition is_so) {
    auto const until = std::chrono::steady_clock::now() + 10s;
    while (!is_so())
      if (std::chrono::steady_clock::now() > until)
        return false;
      else
        std::this_thread::sleep_for(5ms);
    return true;
  }

 private:
  std::string file() const { return folder_.path("proxy.toml"); }
  // `limit` is said by the shell that becomes the program.
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

}  // namespace world
