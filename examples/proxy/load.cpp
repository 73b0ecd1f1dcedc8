// SPDX-License-Identifier: MIT
// An open-loop load generator. It sends on a fixed schedule from many client addresses, and counts latency from the
// moment a request was due.
//
//   load --target 127.0.0.1:8080 --rate 2000 --clients 400 --seconds 10
#include "demo/histogram.hpp"
#include "demo/load_generator.hpp"
#include "demo/within.hpp"
#include "endpoint.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <map>

int main(int argc, char** argv) {
  CLI::App app{"An open-loop HTTP load generator"};
  std::string target = "127.0.0.1:8080";
  double seconds = 10;
  demo::load_plan plan;
  app.add_option("--target", target, "address:port");
  app.add_option("--path", plan.path, "path to GET");
  app.add_option("--rate", plan.rate, "requests a second")->check(demo::within(1, 100'000));
  app.add_option("--clients", plan.clients, "number of client addresses; they are in 127.0.0.0/8 if the target is")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--seconds", seconds, "duration in seconds")->check(demo::within(0.1, 86'400));
  CLI11_PARSE(app, argc, argv);
  auto const endpoint = proxy::parse_endpoint(target);
  if (!endpoint) {
    fmt::print(stderr, "--target: \"{}\" is not address:port\n", target);
    return 2;
  }
  plan.target = *endpoint;

  demo::histogram latencies;
  std::map<std::string, std::uint64_t> answered, failed;
  proxy::asio::io_context io{1};
  demo::load_generator load{io, plan, [&](demo::sample const& s) {
                              latencies.add(s.latency);
                              ++(s.failure.empty() ? answered[s.backend] : failed[s.failure]);
                            }};
  proxy::asio::co_spawn(
      io,
      [&]() -> proxy::task<> {
        co_await load.connect();
        proxy::asio::co_spawn(io, load.run(), [&](std::exception_ptr) { load.disconnect(); });
        co_await proxy::sleep_for(std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)});
        load.stop();
      },
      proxy::asio::detached);
  io.run();

  auto const ms = [&](double share) { return static_cast<double>(latencies.quantile(share).count()) / 1e6; };
  std::uint64_t failures = 0;
  for (auto const& [failure, times] : failed) fmt::print("failed {} times: {}\n", times, failure), failures += times;
  for (auto const& [backend, times] : answered)
    fmt::print("{:12} {:8} answers, {:5.2f} %\n", backend, times,
               100.0 * static_cast<double>(times) / static_cast<double>(latencies.count()));
  fmt::print("{} requests, {} failed; ms: p50 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, maximum {:.2f}\n", latencies.count(),
             failures, ms(0.5), ms(0.99), ms(0.999), ms(1));
  return failures == 0 ? 0 : 1;
}
