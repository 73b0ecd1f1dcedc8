// SPDX-License-Identifier: MIT
// A server whose health page depends on a PostgreSQL, a Redis and a file system.
//
//   health_server --listen 127.0.0.1:8081 --database "host=127.0.0.1 dbname=app" --redis 127.0.0.1:6379 --disk /var
//   curl -i 127.0.0.1:8081/health
//
// After SIGTERM the page says 503 for the time of --drain, so that balancers send nothing more; then the server ends.
#include "checker.hpp"
#include "duration.hpp"
#include "endpoint.hpp"
#include "server.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>

using namespace health;

namespace {

struct options {
  std::string listen = "127.0.0.1:8081", redis = "127.0.0.1:6379";
  std::string timeout = "1s", run_every = "5s", drain = "5s";
  std::uint32_t fall = 2, rise = 2;
  std::vector<std::string> shared;
  details_for details = details_for::loopback;
  targets where;
};

std::chrono::nanoseconds duration_of(char const* option, std::string const& text) {
  auto const time = parse_duration(text);
  if (!time || time->count() <= 0 || *time > 24h)
    throw std::invalid_argument{fmt::format("{}: \"{}\" is not a duration such as 5s", option, text)};
  return *time;
}
tcp::endpoint endpoint_of(char const* option, std::string const& text) {
  auto const at = parse_endpoint(text);
  if (!at) throw std::invalid_argument{fmt::format("{}: \"{}\" is not address:port", option, text)};
  return *at;
}

std::vector<equipoise::self_check> checks_of(options const& o) {
  equipoise::self_check common{.name = ""};
  common.timeout = duration_of("--timeout", o.timeout);
  common.run_every = duration_of("--every", o.run_every);
  if (common.run_every < common.timeout) throw std::invalid_argument{"--every is less than --timeout"};
  common.max_age = 3 * (common.run_every + common.timeout);
  common.fall = o.fall, common.rise = o.rise;
  common.degraded_after = common.timeout / 2;
  std::vector<equipoise::self_check> checks(3, common);
  checks[targets::database_check].name = "database";
  checks[targets::redis_check].name = "redis";
  checks[targets::disk_check].name = "diskSpace";
  for (auto const& name : o.shared) {
    auto const found = std::find_if(checks.begin(), checks.end(), [&](auto const& c) { return c.name == name; });
    if (found == checks.end()) throw std::invalid_argument{fmt::format("--shared: there is no check \"{}\"", name)};
    found->shared_dependency = true;
  }
  return checks;
}

void run(options o) {
  o.where.redis = endpoint_of("--redis", o.redis);
  if (o.where.thresholds.warn_bytes < o.where.thresholds.least_bytes)
    o.where.thresholds.warn_bytes = o.where.thresholds.least_bytes;
  auto const drain = duration_of("--drain", o.drain);
  equipoise::health_report report{checks_of(o), std::chrono::steady_clock::now()};

  asio::io_context io{1};
  tcp::acceptor acceptor{io, endpoint_of("--listen", o.listen)};
  checker const checks{report, o.where};
  asio::co_spawn(io, serve(acceptor, report, o.details), asio::detached);
  asio::signal_set stop{io, SIGTERM, SIGINT};
  asio::steady_timer drained{io};
  stop.async_wait([&](error_code, int) {
    report.set_phase(equipoise::health_phase::draining);
    spdlog::info("draining for {}", format_duration(drain));
    drained.expires_after(drain);
    drained.async_wait([&](error_code) { io.stop(); });
    stop.async_wait([&](error_code, int) { io.stop(); });
  });
  report.set_phase(equipoise::health_phase::serving);
  fmt::print("listening on {}\n", to_text(acceptor.local_endpoint()));
  std::fflush(stdout);
  io.run();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A server with a health page of a PostgreSQL, a Redis and a file system"};
  options o;
  std::map<std::string, details_for> const allowed{
      {"off", details_for::off}, {"loopback", details_for::loopback}, {"any", details_for::any}};
  app.add_option("--listen", o.listen, "address:port; port 0 selects a free port");
  app.add_option("--database", o.where.database, "connection string of libpq");
  app.add_option("--redis", o.redis, "address:port");
  app.add_option("--disk", o.where.disk, "a path on the file system");
  app.add_option("--least-free", o.where.thresholds.least_bytes, "bytes; the disk fails unless there are more");
  app.add_option("--timeout", o.timeout, "of each check");
  app.add_option("--every", o.run_every, "how often each check runs");
  app.add_option("--fall", o.fall, "failures in a row that make a check fail");
  app.add_option("--rise", o.rise, "passes in a row that make it pass again");
  app.add_option("--shared", o.shared, "names of checks whose failure only warns, because all servers depend on them");
  app.add_option("--drain", o.drain, "from SIGTERM to the end");
  app.add_option("--details", o.details, "which clients may see ?verbose")
      ->transform(CLI::CheckedTransformer(allowed, CLI::ignore_case));
  CLI11_PARSE(app, argc, argv);

  spdlog::set_default_logger(spdlog::stderr_color_mt("health_server"));
  std::signal(SIGPIPE, SIG_IGN);
  try {
    run(std::move(o));
  } catch (std::invalid_argument const& e) {
    fmt::print(stderr, "health_server: {}\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    fmt::print(stderr, "health_server: {}\n", e.what());
    return 1;
  }
}
