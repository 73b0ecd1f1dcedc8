// A small but real HTTP/1.1 reverse proxy that embeds equipoise.
//
//   proxy proxy.toml            serve
//   proxy --check proxy.toml    only read the configuration
//   proxy --policies            what `policy` may be
//
// Where to read on: config (what it is told), proxy (the pool and the balancer), control (accepting, signals), worker
// and session (a client's requests), forward (who answers), exchange and upstream (one backend), health, admin.
#include "control.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <sys/resource.h>

#include <csignal>

namespace {

// Two descriptors for each client, and some for ourselves. Clients without one wait in the system's queue; a client
// without one for its backend would be turned away.
void fit_into_descriptors(proxy::config& settings) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  rlim_t const own = 16 + 4 * settings.workers + (settings.checks.enabled ? settings.backends.size() : 0);
  rlim_t const most = files.rlim_max > own + 2 ? (files.rlim_max - own) / 2 : 1;
  if (most >= settings.limits.clients) return;
  spdlog::info("{} file descriptors are enough for {} clients, not {}: the others wait", files.rlim_max, most,
               settings.limits.clients);
  settings.limits.clients = static_cast<unsigned>(most);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A small HTTP/1.1 reverse proxy on the equipoise load-balancing library"};
  std::string file, level = "info";
  bool check = false, policies = false;
  auto* config_file = app.add_option("config", file, "TOML file, see examples/proxy/proxy.toml");
  app.add_flag("--check", check, "read the configuration, say what is wrong with it, and end");
  app.add_flag("--policies", policies, "list the policies by name, and end")->excludes(config_file);
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
      fmt::print(stderr, "proxy: which configuration? Try: proxy examples/proxy/proxy.toml\n");
      return 2;
    }
    auto settings = proxy::read_config(file);
    proxy::make_policy(settings);
    if (check) {
      proxy::shared{settings};  // what the policy thinks of the backends
      fmt::print("{}: good: {} over {} backends\n", file, settings.policy, settings.backends.size());
      return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);  // whoever read our log may go
    fit_into_descriptors(settings);
    proxy::control{std::move(settings)}.run();
  } catch (proxy::config_error const& e) {
    fmt::print(stderr, "proxy: {}\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    fmt::print(stderr, "proxy: {}\n", e.what());
    return 1;
  }
}
