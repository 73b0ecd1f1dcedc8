// SPDX-License-Identifier: MIT
// A child process that never outlives this one. Its destructor kills it, and on Linux the kernel kills it if this
// process dies first.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace demo {

class process {
 public:
  process() = default;
  // Starts argv[0] and appends its standard error to the file `log`. Throws std::runtime_error.
  process(std::vector<std::string> const& argv, std::string const& log);
  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;
  ~process();

  bool running();                                              // also reaps the process if it has ended
  void signal(int number) const;                               // does nothing if the process has ended
  void kill();                                                 // sends SIGKILL and waits for the end
  std::optional<int> exit_code() const { return exit_code_; }  // 128 + n after signal n
  struct usage {
    std::size_t memory = 0, files = 0;  // resident bytes and open descriptors; 0 if the system does not tell
  };
  usage used() const;

  // Reads the next line of its standard output. Returns an empty string at its end or after the timeout.
  std::string first_line(std::chrono::milliseconds timeout);

 private:
  void set_ended(int status);

  pid_t pid_ = -1;
  int output_ = -1;
  std::optional<int> exit_code_;
};

// A temporary folder for configurations and logs. The destructor removes it.
class work_folder {
 public:
  work_folder();
  ~work_folder();
  work_folder(work_folder const&) = delete;
  std::string path(std::string const& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

// Returns a free loopback port below the kernel's ephemeral range, so that no outgoing connection takes it later.
unsigned short free_port();

}  // namespace demo
