// SPDX-License-Identifier: MIT
#include "control.hpp"

#include "background.hpp"
#include "endpoint.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>

namespace proxy {

namespace {

tcp::acceptor listen_on(asio::io_context& io, tcp::endpoint const& at) try {
  return {io, at};
} catch (boost::system::system_error const& e) {
  throw std::runtime_error{fmt::format("cannot listen on {}: {}", to_text(at), e.code().message())};
}

}  // namespace

control::control(config settings)
    : all_{std::move(settings)}, health_{io_, all_}, acceptor_{listen_on(io_, all_.settings.listen)},
      signals_{io_, SIGTERM, SIGINT, SIGHUP} {
  acceptor_.non_blocking(true);
  for (unsigned i = 0; i < all_.settings.workers; ++i) workers_.push_back(std::make_unique<worker>(all_, health_));
  if (!all_.settings.discovery.etcd.empty())
    discovery_ = std::make_unique<discovery>(io_, all_, health_, [this](std::set<tcp::endpoint> const& addresses) {
      for (auto& w : workers_) w->keep_connections_to(addresses);
    });
}

void control::run() {
  for (auto& w : workers_) w->run();
  health_.start();
  if (discovery_) discovery_->start();
  auto const keep_doing = [this](std::string_view what, auto step) {
    start_task(io_, all_.counts, what, repeat(all_.counts, what, step));
  };
  keep_doing("accept", [this] { return accept(); });
  keep_doing("refresh", [this] { return refresh(); });
  keep_doing("signals", [this] { return signals(); });
  fmt::print("listening on {}\n", to_text(acceptor_.local_endpoint()));
  std::fflush(stdout);
  spdlog::info("{} over {} backends, {} workers", all_.settings.policy, all_.pool.size(), workers_.size());
  run_loop(io_, all_.counts);
}

task<bool> control::accept() {
  while (all_.counts.clients >= all_.settings.limits.clients)
    co_await sleep_for(5ms);  // further clients wait in the system's queue
  error_code ec;
  worker& owner = next_worker();  // kept, because drain() may call next_worker() during the wait
  tcp::socket socket = co_await acceptor_.async_accept(owner.io, into(ec));
  if (ec && all_.draining) co_return false;
  if (!ec)  // an accepted client is served even if the drain has just begun
    owner.adopt(std::move(socket));
  else if (ec != asio::error::connection_aborted)
    co_await sleep_for(10ms);  // probably no file descriptor is left
  co_return true;
}

// Rebuilds the tables of the policy after health changes, and frees memory.
task<bool> control::refresh() {
  co_await sleep_for(100ms);
  all_.pool.refresh();
  co_return true;
}

task<bool> control::signals() {
  error_code ec;
  int const signal = co_await signals_.async_wait(into(ec));
  if (ec) co_return true;
  if (signal == SIGHUP)
    reload();
  else if (all_.draining)
    io_.stop();
  else
    start_task(io_, all_.counts, "drain", drain());
  co_return true;
}

void control::reload() try {
  if (discovery_) throw config_error{"the backends come from etcd, as [discovery] says, and SIGHUP reads none"};
  config const fresh = read_config(all_.settings.file);
  if (fresh.policy != all_.settings.policy)
    throw config_error{fmt::format("policy is now \"{}\", which needs a restart", fresh.policy)};
  if (fresh.backends.empty())  // probably the file is only half written
    throw config_error{fmt::format("{}: it has no [[backend]]", fresh.file)};
  static_cast<void>(shared{fresh});  // throws if the policy refuses the backends
  bool const changed = assign(fresh);
  std::set<tcp::endpoint> addresses;
  for (auto const& b : fresh.backends) addresses.insert(b.address);
  for (auto& w : workers_) w->keep_connections_to(addresses);
  spdlog::info("reloaded {}: {} backends{}; other settings need a restart", fresh.file, all_.pool.size(),
               changed ? "" : ", unchanged");
} catch (std::exception const& e) {
  spdlog::error("{}; nothing was changed", e.what());
}

// A backend that joins is down until its first good check. If no earlier backend stays, the new ones get work at once,
// as at the start.
bool control::assign(config const& fresh) {
  auto const servers = servers_of(fresh);
  if (!all_.settings.checks.enabled || !all_.settings.checks.await_first)
    return all_.pool.assign(servers, {.rejoin_changed = true, .joined_at = now()});
  std::set<std::pair<std::string, tcp::endpoint>> known;
  all_.pool.for_each([&](auto const&, server const& s, auto const&...) { known.emplace(s.name, s.address); });
  std::vector<std::string> joined;
  bool any_stays = false;
  for (auto const& s : servers)
    if (known.contains({s.name, s.address}))
      any_stays = any_stays || s.share.weight != 0;
    else
      joined.push_back(s.name);
  if (joined.empty() || !any_stays) return all_.pool.assign(servers, {.rejoin_changed = true});
  bool const changed = all_.pool.assign(
      servers, {.rejoin_changed = true, .joined_at = now(), .joins_with = equipoise::health_flag::down});
  for (auto const& name : joined) health_.await_first_check(all_.pool.find(name));
  return changed;
}

task<> control::drain() {
  spdlog::info("draining: {} connections", all_.counts.clients.load());
  error_code ec;
  // A client in the system's queue has a connection already, so it is served too.
  for (;;) {
    worker& owner = next_worker();
    tcp::socket socket{owner.io};
    acceptor_.accept(socket, ec);
    if (ec) break;
    owner.adopt(std::move(socket));
  }
  all_.draining = true;
  acceptor_.close(ec);
  for (auto& w : workers_) w->drain();
  auto const deadline = std::chrono::steady_clock::now() + all_.settings.timeouts.drain;
  auto const busy = [&] {
    return std::any_of(workers_.begin(), workers_.end(), [](auto& w) { return !w->io.stopped(); });
  };
  while (busy() && std::chrono::steady_clock::now() < deadline) co_await sleep_for(20ms);
  if (busy())
    spdlog::warn("{} connections did not end within {} s", all_.counts.clients.load(),
                 all_.settings.timeouts.drain / 1s);
  else
    spdlog::info("drained: {} requests, {} answered", all_.counts.requests.load(), all_.counts.answered.load());
  io_.stop();
}

}  // namespace proxy
