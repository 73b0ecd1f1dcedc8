// A child process that never outlives us: killed by its object's end, and by the kernel should we die without one.
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
  // Starts argv[0]; its standard error goes to `log`. Throws std::runtime_error.
  process(std::vector<std::string> const& argv, std::string const& log);
  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;
  ~process();

  bool running();                                              // also collects it once it has ended
  void signal(int number) const;                               // nothing if it has ended
  void kill();                                                 // SIGKILL, and waits for its end
  std::optional<int> exit_code() const { return exit_code_; }  // 128 + n for a signal n

  // The first line it writes; empty if it ends or nothing comes in time.
  std::string first_line(std::chrono::milliseconds patience);

 private:
  void collected(int status);

  pid_t pid_ = -1;
  int output_ = -1;
  std::optional<int> exit_code_;
};

// A folder of our own for configurations and logs, removed at the end.
class work_folder {
 public:
  work_folder();
  ~work_folder();
  work_folder(work_folder const&) = delete;
  std::string path(std::string const& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

// A loopback port that is free now and that no outgoing connection is given: below the range the kernel hands out.
unsigned short free_port();

}  // namespace demo
