// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

namespace demo {

// Boost.Process 1.81 would not replace much of this. It has no death signal, no other signal than SIGKILL, no timeout
// for reading a line and no appending to a file. It also needs the library of Boost.Filesystem.
process::process(std::vector<std::string> const& argv, std::string const& log) {
  std::vector<char*> arguments;
  for (auto const& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) throw std::runtime_error{std::string{"pipe: "} + std::strerror(errno)};
  for (int fd : pipe_ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  [[maybe_unused]] pid_t const parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {  // only async-signal-safe calls until exec
#if defined(__linux__)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
#endif
    int const input = ::open("/dev/null", O_RDONLY);
    int const errors = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(input, 0), ::dup2(pipe_ends[1], 1), ::dup2(errors, 2);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  output_ = pipe_ends[0];
  if (pid_ < 0) throw std::runtime_error{"fork: " + argv[0] + ": " + std::strerror(errno)};
}

process::process(process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, output_{std::exchange(other.output_, -1)}, exit_code_{other.exit_code_} {}

process& process::operator=(process&& other) noexcept {
  std::swap(pid_, other.pid_), std::swap(output_, other.output_), std::swap(exit_code_, other.exit_code_);
  return *this;
}

process::~process() {
  kill();
  if (output_ >= 0) ::close(output_);
}

void process::set_ended(int status) {
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
}

bool process::running() {
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) set_ended(status);
  return pid_ > 0;
}

void process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void process::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  set_ended(status);
}

process::usage process::used() const {
  usage now;
  auto const folder = "/proc/" + std::to_string(pid_);
  std::size_t pages = 0, resident = 0;
  if (std::ifstream{folder + "/statm"} >> pages >> resident)
    now.memory = resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::error_code ec;
  for (std::filesystem::directory_iterator it{folder + "/fd", ec}, end; !ec && it != end; it.increment(ec)) ++now.files;
  return now;
}

std::string process::first_line(std::chrono::milliseconds timeout) {
  std::string line;
  auto const deadline = std::chrono::steady_clock::now() + timeout;
  for (char c; line.empty() || line.back() != '\n'; line += c) {
    auto const left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{output_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0 || ::read(output_, &c, 1) != 1)
      return {};
  }
  line.pop_back();
  return line;
}

work_folder::work_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "equipoise-demo-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{pattern + ": " + std::strerror(errno)};
  path_ = pattern;
}

work_folder::~work_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

unsigned short free_port() {
  unsigned lowest_given_out = 32768;
  std::ifstream{"/proc/sys/net/ipv4/ip_local_port_range"} >> lowest_given_out;
  unsigned const from = 10'000, to = lowest_given_out > 12'000 ? lowest_given_out : 60'000;
  static std::minstd_rand random{std::random_device{}()};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    auto const port = static_cast<unsigned short>(from + random() % (to - from));
    int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    bool const free = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(fd);
    if (free) return port;
  }
  throw std::runtime_error{"no free port on 127.0.0.1"};
}

}  // namespace demo
