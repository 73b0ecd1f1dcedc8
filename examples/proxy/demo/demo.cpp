// SPDX-License-Identifier: MIT
// Runs real backends of different speed, the proxy and a load. For each main policy one backend is killed and started
// again, another one becomes ten times slower, and one is added. With --scenario it runs a trouble instead. The last
// line says which promises were kept.
#include "output.hpp"
#include "screen.hpp"
#include "trouble.hpp"
#include "within.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

namespace {

// SIGINT and SIGTERM end the program through the destructors, which end the child processes.
struct interrupted : std::exception {
  char const* what() const noexcept override { return "interrupted"; }
};

// Called before the run, so that the user need not wait for this error. The content of the file stays until the end.
void check_writable(std::string const& name) {
  if (!std::ofstream{name, std::ios::app}) throw std::runtime_error{"cannot write " + name};
}

void write_file(std::string const& name, std::string const& text) {
  std::ofstream file{name};
  if (!(file << text << std::flush)) throw std::runtime_error{"cannot write " + name};
}

// The event loop of all runs, which a signal stops.
struct event_loop {
  proxy::asio::io_context io{1};
  bool stopped = false;
  proxy::asio::signal_set signals{io, SIGINT, SIGTERM, SIGHUP};

  event_loop() {
    signals.async_wait([this](proxy::error_code ec, int) {
      if (ec) return;
      stopped = true;
      io.stop();
    });
  }
};

int conclude(std::vector<demo::promise> const& promises) {
  fmt::print("\n{}\n", demo::verdict(promises));
  return demo::all_kept(promises) ? 0 : 1;
}

int run_policies(demo::settings options, std::string const& json, std::string const& report) {
  event_loop loop;
  demo::screen screen;
  demo::outcome all{options, 0, {}, {}, {}};
  auto const begin = demo::clock::now();
  fmt::print("{} policies, {:.0f} s in all, {:.0f} requests per second from {} addresses; checks every {} ms\n",
             options.policies.size(), options.seconds, options.rate, options.clients, options.check_interval.count());
  for (std::size_t i = 0; i != options.policies.size(); ++i) {
    auto const part = options.seconds * static_cast<double>(i + 1) / static_cast<double>(options.policies.size());
    auto const deadline = begin + std::chrono::nanoseconds{static_cast<std::int64_t>(part * 1e9)};
    all.recordings.push_back(demo::run_scenario(loop.io, options, options.policies[i], deadline, screen));
    if (loop.stopped) throw interrupted{};
    all.found.push_back(demo::examine(all.recordings.back(), options));
    screen.finished(all.found.back());
  }
  all.seconds = std::chrono::duration<double>(demo::clock::now() - begin).count();
  all.promises = demo::judge(all.found, options);

  fmt::print("{}", demo::table(all.found));
  for (std::size_t i = 0; i != all.found.size(); ++i) {
    for (auto const& f : all.found[i].first_failures) fmt::print("failure, {}, {}\n", all.found[i].policy.name, f);
    if (all.found[i].failures || all.found[i].proxy_exit)
      fmt::print("log of its proxy:\n{}", all.recordings[i].proxy_log);
  }
  if (!json.empty()) write_file(json, demo::as_json(all));
  if (!report.empty()) write_file(report, demo::as_page(all));
  return conclude(all.promises);
}

int run_troubles(demo::settings const& options, std::vector<demo::trouble> const& list, std::string const& json) {
  event_loop loop;
  std::vector<demo::trouble_outcome> all;
  std::vector<demo::promise> promises;
  auto const begin = demo::clock::now();
  for (auto const& t : list) {
    demo::trouble_outcome outcome{&t, {}, {}};
    for (auto const& plan : t.runs) {
      fmt::print("{}: {} for {:.1f} s, {:.0f} requests per second\n", t.name, plan.processes.policy, plan.seconds,
                 options.rate);
      std::fflush(stdout);
      outcome.seen.push_back(demo::run_trouble(loop.io, options, plan));
      if (loop.stopped) throw interrupted{};
    }
    outcome.promises = demo::judge(t, outcome.seen);
    promises.insert(promises.end(), outcome.promises.begin(), outcome.promises.end());
    fmt::print("{}", demo::table(outcome));
    all.push_back(std::move(outcome));
  }
  auto const seconds = std::chrono::duration<double>(demo::clock::now() - begin).count();
  if (!json.empty()) write_file(json, demo::as_json(options, seconds, all));
  return conclude(promises);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Balances real traffic with each main policy while backends fail, slow down and join"};
  demo::settings options;
  auto const here = std::filesystem::absolute(argv[0]).parent_path();
  options.proxy = (here / "proxy").string();
  options.backend = (here / "backend").string();
  std::string json, report;
  std::vector<std::string> only, scenarios;
  auto* scenario = app.add_option("--scenario", scenarios, "runs a trouble instead of the policies; all: each of them");
  app.add_option("--seconds", options.seconds, "for all policies together (default: 12 for each)")
      ->check(demo::within(1, 86'400));
  app.add_option("--json", json, "write the results as JSON");
  app.add_option("--report", report, "write the results as an HTML page with charts");
  app.add_option("--policy", only, "only these policies");
  app.add_option("--rate", options.rate, "requests per second (default: 1600, for a scenario 800)")
      ->check(demo::within(10, 20'000));
  app.add_option("--clients", options.clients, "number of client addresses")->check(CLI::Range(1, 5000));
  app.add_option("--workers", options.workers, "number of threads of the proxy")->check(CLI::Range(1, 64));
  app.add_option("--proxy", options.proxy, "path of the proxy program");
  app.add_option("--backend", options.backend, "path of the backend program");
  double soak_seconds = 0;
  auto* soak = app.add_option("--soak", soak_seconds, "kills, freezes and slows backends in turn for that many seconds")
                   ->check(demo::within(30, 86'400))
                   ->excludes(scenario);
  for (auto const* other : {"--seconds", "--report", "--policy"})
    app.get_option(other)->excludes(scenario)->excludes(soak);
  CLI11_PARSE(app, argc, argv);

  std::vector<demo::trouble> troubles;
  try {
    troubles = demo::troubles_named(scenarios);
    if (soak_seconds != 0) troubles.push_back(demo::soak(soak_seconds));
  } catch (std::invalid_argument const& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  }
  if (!troubles.empty() && app.count("--rate") == 0) options.rate = 800;
  for (auto const& name : only) {
    auto const* found = std::find_if(std::begin(demo::main_policies), std::end(demo::main_policies),
                                     [&](auto& p) { return p.name == name; });
    if (found == std::end(demo::main_policies)) {
      fmt::print(stderr, "--policy: \"{}\" is not part of the demo; known:", name);
      for (auto const& p : demo::main_policies) fmt::print(stderr, " {}", p.name);
      fmt::print(stderr, "\n");
      return 2;
    }
    options.policies.push_back(*found);
  }
  if (only.empty()) options.policies.assign(std::begin(demo::main_policies), std::end(demo::main_policies));
  if (app.count("--seconds") == 0) options.seconds = 12.0 * static_cast<double>(options.policies.size());

  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    for (auto const& file : {json, report})
      if (!file.empty()) check_writable(file);
    if (troubles.empty()) return run_policies(options, json, report);
    return run_troubles(options, troubles, json);
  } catch (std::exception const& e) {
    std::fflush(stdout);
    fmt::print("\nverdict: NOT completed: {}\n", e.what());
    return 1;
  }
}
