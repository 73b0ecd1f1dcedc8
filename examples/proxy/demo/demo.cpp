// The newcomer's minute: real backends of unequal speed, the proxy, and a load; for each main policy one backend is
// killed, comes back, another becomes ten times slower, one is added. The last line says which promises were kept.
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

// SIGINT and SIGTERM end us by way of the destructors, which end the children.
struct interrupted : std::exception {
  char const* what() const noexcept override { return "interrupted"; }
};

// Said before the play and not after it; what the file has stays until then.
void must_be_writable(std::string const& name) {
  if (!std::ofstream{name, std::ios::app}) throw std::runtime_error{"cannot write " + name};
}

void write_file(std::string const& name, std::string const& text) {
  std::ofstream file{name};
  if (!(file << text << std::flush)) throw std::runtime_error{"cannot write " + name};
}

int run(demo::settings how, std::string const& json, std::string const& report) {
  proxy::asio::io_context io{1};
  bool stop = false;
  proxy::asio::signal_set signals{io, SIGINT, SIGTERM, SIGHUP};
  signals.async_wait([&](proxy::error_code ec, int) {
    if (ec) return;
    stop = true;
    io.stop();
  });
  demo::screen screen;
  demo::outcome all{how, 0, {}, {}, {}};
  auto const begin = demo::clock::now();
  fmt::print("{} policies, {:.0f} s in all, {:.0f} requests a second from {} addresses; checks every {} ms\n",
             how.policies.size(), how.seconds, how.rate, how.clients, how.check_interval.count());
  for (std::size_t i = 0; i != how.policies.size(); ++i) {
    auto const part = how.seconds * static_cast<double>(i + 1) / static_cast<double>(how.policies.size());
    auto const deadline = begin + std::chrono::nanoseconds{static_cast<std::int64_t>(part * 1e9)};
    all.recordings.push_back(demo::play(io, how, how.policies[i], deadline, screen));
    if (stop) throw interrupted{};
    all.found.push_back(demo::examine(all.recordings.back(), how));
    screen.finished(all.found.back());
  }
  all.seconds = std::chrono::duration<double>(demo::clock::now() - begin).count();
  all.promises = demo::judge(all.found, how);

  fmt::print("{}", demo::table(all.found));
  for (std::size_t i = 0; i != all.found.size(); ++i) {
    for (auto const& f : all.found[i].first_failures) fmt::print("failure, {}, {}\n", all.found[i].policy.name, f);
    if (all.found[i].failures || all.found[i].proxy_exit)
      fmt::print("its proxy said:\n{}", all.recordings[i].proxy_log);
  }
  if (!json.empty()) write_file(json, demo::as_json(all));
  if (!report.empty()) write_file(report, demo::as_page(all));
  fmt::print("\n{}\n", demo::verdict(all.promises));
  return demo::all_kept(all.promises) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The main job on real traffic, for each main policy"};
  demo::settings how;
  auto const here = std::filesystem::absolute(argv[0]).parent_path();
  how.proxy = (here / "proxy").string();
  how.backend = (here / "backend").string();
  std::string json, report;
  std::vector<std::string> only;
  app.add_option("--seconds", how.seconds, "for all policies together (default: 12 for each)")
      ->check(demo::within(1, 86'400));
  app.add_option("--json", json, "write the results as data");
  app.add_option("--report", report, "write the results as an HTML page with charts");
  app.add_option("--policy", only, "only these policies");
  app.add_option("--rate", how.rate, "requests a second")->check(demo::within(10, 20'000));
  app.add_option("--clients", how.clients, "client addresses")->check(CLI::Range(1, 5000));
  app.add_option("--workers", how.workers, "threads of the proxy")->check(CLI::Range(1, 64));
  app.add_option("--proxy", how.proxy, "the proxy's program");
  app.add_option("--backend", how.backend, "the backend's program");
  CLI11_PARSE(app, argc, argv);

  for (auto const& name : only) {
    auto const* found = std::find_if(std::begin(demo::main_policies), std::end(demo::main_policies),
                                     [&](auto& p) { return p.name == name; });
    if (found == std::end(demo::main_policies)) {
      fmt::print(stderr, "--policy: \"{}\" is not played here; these are:", name);
      for (auto const& p : demo::main_policies) fmt::print(stderr, " {}", p.name);
      fmt::print(stderr, "\n");
      return 2;
    }
    how.policies.push_back(*found);
  }
  if (only.empty()) how.policies.assign(std::begin(demo::main_policies), std::end(demo::main_policies));
  if (app.count("--seconds") == 0) how.seconds = 12.0 * static_cast<double>(how.policies.size());

  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    for (auto const& file : {json, report})
      if (!file.empty()) must_be_writable(file);
    return run(how, json, report);
  } catch (std::exception const& e) {
    std::fflush(stdout);
    fmt::print("\nverdict: NOT played to the end: {}\n", e.what());
    return 1;
  }
}
