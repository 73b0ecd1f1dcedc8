// SPDX-License-Identifier: MIT
// Runs the checks of a health report: those of the servers in one thread of its own, without blocking, and that of the
// disk in another one, because it may block.
#pragma once

#include "database.hpp"
#include "redis.hpp"

#include <equipoise/health/disk_space.hpp>
#include <equipoise/health/health_report.hpp>

#include <boost/asio/thread_pool.hpp>

#include <string>
#include <thread>
#include <vector>

namespace health {

// Where the checks look, and how often. The indices are those of the checks in the report.
struct targets {
  static constexpr std::size_t database_check = 0, redis_check = 1, disk_check = 2;

  std::string database = "host=127.0.0.1 dbname=postgres";
  tcp::endpoint redis{asio::ip::make_address("127.0.0.1"), 6379};
  std::string disk = "/";
  equipoise::disk_thresholds thresholds{};
};

class checker {
 public:
  // The threads run until the checker is destroyed. The report must outlive it.
  checker(equipoise::health_report& report, targets where);
  ~checker();
  checker(checker const&) = delete;

 private:
  task<> run_when_due();
  void start(equipoise::health_run const& run);
  template <class Server>
  task<> ask(equipoise::health_run run, Server& server);
  void look_at_disk(equipoise::health_run const& run);
  void finish(equipoise::health_run const& run, equipoise::health_status result, std::string text);
  void log_changes(equipoise::time_point now);

  equipoise::health_report& report_;
  targets const where_;
  database database_;
  redis redis_;
  std::vector<equipoise::health_status> logged_;
  asio::io_context io_{1};
  asio::thread_pool disk_{1};
  std::thread thread_;
};

}  // namespace health
