// SPDX-License-Identifier: MIT
// Runs real backends of different speed, the proxy and a load. For each main policy one backend is killed and started
// again, another one becomes ten times slower, and one is added. The last line says which promises were kept.
#include "output.hpp"
#include "screen.hpp"
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

int run(demo::settings options, std::string const& json, std::string const& report) {
  proxy::asio::io_context io{1};
  bool stop = false;
  proxy::asio::signal_set signals{io, SIGINT, SIGTERM, SIGHUP};
  signals.async_wait([&](proxy::error_code ec, int) {
    if (ec) return;
    stop = true;
    io.stop();
  });
  demo::screen screen;
  demo::outcome all{options, 0, {}, {}, {}};
  auto const begin = demo::clock::now();
  fmt::print("{} policies, {:.0f} s in all, {:.0f} requests per second from {} addresses; checks every {} ms\n",
             options.policies.size(), options.seconds, options.rate, options.clients, options.check_interval.count());
  for (std::size_t i = 0; i != options.policies.size(); ++i) {
    auto const part = options.seconds * static_cast<double>(i + 1) / static_cast<double>(options.policies.size());
    auto const deadline = begin + std::chrono::nanoseconds{static_cast<std::int64_t>(part * 1e9)};
    all.recordings.push_back(demo::run_scenario(io, options, options.policies[i], deadline, screen));
    if (stop) throw interrupted{};
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
  fmt::print("\n{}\n", demo::verdict(all.promises));
  return demo::all_kept(all.promises) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Balances real traffic with each main policy while backends fail, slow down and join"};
  demo::settings options;
  auto const here = std::filesystem::absolute(argv[0]).parent_path();
  options.proxy = (here / "proxy").string();
  options.backend = (here / "backend").string();
  std::string json, report;
  std::vector<std::string> only;
  app.add_option("--seconds", options.seconds, "for all policies together (default: 12 for each)")
      ->check(demo::within(1, 86'400));
  app.add_option("--json", json, "write the results as JSON");
  app.add_option("--report", report, "write the results as an HTML page with charts");
  app.add_option("--policy", only, "only these policies");
  app.add_option("--rate", options.rate, "requests per second")->check(demo::within(10, 20'000));
  app.add_option("--clients", options.clients, "number of client addresses")->check(CLI::Range(1, 5000));
  app.add_option("--workers", options.workers, "number of threads of the proxy")->check(CLI::Range(1, 64));
  app.add_option("--proxy", options.proxy, "path of the proxy program");
  app.add_option("--backend", options.backend, "path of the backend program");
  CLI11_PARSE(app, argc, argv);

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
    return run(options, json, report);
  } catch (std::exception const& e) {
    std::fflush(stdout);
    fmt::print("\nverdict: NOT completed: {}\n", e.what());
    return 1;
  }
}
