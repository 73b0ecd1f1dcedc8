// SPDX-License-Identifier: MIT
// What was seen in one run of a trouble: the requests of the clients, the proxy's numbers over time, and its log.
#pragma once

#include "findings.hpp"
#include "fleet.hpp"

#include <map>

namespace demo {

struct run_plan;

struct stats_sample {
  double at;  // seconds since the first request was due
  fleet::backend_states backends;
  process::usage proxy;
};

struct event {
  double at;
  bool logged;  // by the proxy; otherwise it is an action of the trouble
  std::string text;
};

// The lines of the proxy's log since `start`, with their times after it.
std::vector<event> logged_events(std::vector<std::string> const& lines, std::chrono::system_clock::time_point start);

struct observation {
  run_plan const* plan = nullptr;
  clock::time_point start;  // the first request was due
  std::vector<request_record> requests;
  std::map<std::string, std::size_t> failures;  // how many requests failed in which way
  std::vector<stats_sample> samples;            // twenty per second
  std::vector<event> events;                    // in order
  std::string explain;                          // an explanation from the middle of the trouble
  std::optional<int> terminated;                // exit code of a backend that got SIGTERM
  int proxy_exit = -1;
  std::string proxy_log;  // its last lines

  // The share of the proxy's attempts between two times, which include those that failed; 0 … 1.
  double share(std::size_t backend, double from, double to) const;
  std::uint64_t picks(std::size_t backend, double from, double to) const;
  std::uint64_t failed_attempts(std::size_t backend, double from, double to) const;
  latencies latency(int backend, double from, double to) const;  // backend −1: of all requests
  std::size_t failed_requests() const;
  // The number of requests at a backend at that moment, as the clients saw them.
  std::size_t in_flight(std::size_t backend, double at) const;
  // When the first answer arrived that failed or took longer than `slow` milliseconds. After the end if there is none.
  double first_bad_answer(std::size_t backend, double slow) const;
  double last_pick(std::size_t backend, double before) const;  // as the proxy reported it before that time
  std::vector<double> ejections(std::size_t backend) const;    // their times
  std::size_t log_lines() const;
};

}  // namespace demo
