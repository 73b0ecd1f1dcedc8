// SPDX-License-Identifier: MIT
// A small but real HTTP/1.1 reverse proxy that embeds equipoise.
//
//   proxy proxy.toml            serves
//   proxy --check proxy.toml    only checks the configuration
//   proxy --policies            lists the policies
//
// The parts: config (settings), proxy (pool and balancer), control (accepting, signals), worker and session (requests
// of clients), forward (picking and retrying), exchange and upstream (one backend), health, admin.
#include "control.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

namespace {

// Lowers the limit of clients so that each one finds two descriptors: its own and that of its backend. Further clients
// wait in the system's queue. Without this limit, a client whose backend connection finds none would get an error.
void limit_clients_by_descriptors(proxy::config& settings) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  rlim_t most_checks = settings.checks.enabled ? settings.backends.size() : 0;
  if (settings.checks.enabled && !settings.discovery.etcd.empty())  // their number is not known yet
    most_checks = std::min<rlim_t>(proxy::most_backends, files.rlim_max / 4);
  rlim_t const reserved = 16 + 4 * settings.workers + most_checks;
  rlim_t const most = files.rlim_max > reserved + 2 ? (files.rlim_max - reserved) / 2 : 1;
  if (most >= settings.limits.clients) return;
  spdlog::info("limits.clients is {} instead of {} because of {} file descriptors", most, settings.limits.clients,
               files.rlim_max);
  settings.limits.clients = static_cast<unsigned>(most);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A small HTTP/1.1 reverse proxy on the equipoise load-balancing library"};
  std::string file, level = "info";
  bool check = false, policies = false;
  auto* config_file = app.add_option("config", file, "TOML file, see examples/proxy/proxy.toml");
  app.add_flag("--check", check, "check the configuration and exit");
  app.add_flag("--policies", policies, "list the names of the policies and exit")->excludes(config_file);
  app.add_option("--log", level, "debug, info, warn, err or off")
      ->check(CLI::IsMember({"debug", "info", "warn", "err", "off"}));
  CLI11_PARSE(app, argc, argv);

  spdlog::set_default_logger(spdlog::stderr_color_mt("proxy"));
  spdlog::set_level(spdlog::level::from_str(level));
  try {
    if (policies) {
      for (auto const& name : proxy::known_policies()) fmt::print("{}\n", name);
      return 0;
    }
    if (file.empty()) {
      fmt::print(stderr, "proxy: no configuration file given; try: proxy examples/proxy/proxy.toml\n");
      return 2;
    }
    auto settings = proxy::read_config(file);
    proxy::check_settings(settings);
    if (auto const warning = proxy::warning_about(settings); !warning.empty()) spdlog::warn("{}: {}", file, warning);
    if (check) {
      proxy::shared{settings};  // throws if the policy refuses the backends
      fmt::print("{} is valid: {} over {} backends\n", file, settings.policy, settings.backends.size());
      return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);  // the reader of the log may exit before the proxy
    limit_clients_by_descriptors(settings);
    proxy::control{std::move(settings)}.run();
  } catch (proxy::config_error const& e) {
    fmt::print(stderr, "proxy: {}\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    fmt::print(stderr, "proxy: {}\n", e.what());
    return 1;
  }
}
