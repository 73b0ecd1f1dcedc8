// SPDX-License-Identifier: MIT
// What all threads of the proxy share: the settings, the pool and the balancer.
#pragma once

#include "config.hpp"

#include <equipoise/equipoise.hpp>

#include <atomic>
#include <memory>
#include <string_view>

namespace proxy {

inline equipoise::time_point now() noexcept { return std::chrono::steady_clock::now(); }

// What the proxy counts about one backend in addition to the pool.
struct traffic {
  std::atomic<std::uint64_t> picks{0};
  std::atomic<std::int64_t> last_pick{0};  // nanoseconds of the monotonic clock
  // Attempts without a complete answer since the last complete one. An answer with an error status is an answer.
  std::atomic<std::uint32_t> failures_in_a_row{0};

  void picked(equipoise::time_point when) noexcept {
    picks.fetch_add(1, std::memory_order_relaxed);
    auto const time = when.time_since_epoch().count();
    auto known = last_pick.load(std::memory_order_relaxed);
    while (known < time && !last_pick.compare_exchange_weak(known, time, std::memory_order_relaxed)) {
    }
  }
};

// A member of the pool.
struct server {
  std::string name;
  tcp::endpoint address;
  equipoise::attributes share;
  std::shared_ptr<traffic> counts = std::make_shared<traffic>();

  std::string_view key() const { return name; }
  std::uint32_t weight() const { return share.weight; }
  std::uint32_t priority() const { return share.priority; }
  std::string_view zone() const { return share.zone; }

  // A backend with the same name and address keeps its counts and its health when the configuration is read again.
  friend bool operator==(server const& a, server const& b) { return a.name == b.name && a.address == b.address; }
};

inline std::vector<server> servers_of(config const& settings) {
  std::vector<server> list;
  for (auto const& b : settings.backends)
    list.push_back(server{.name = b.name, .address = b.address, .share = {b.weight, b.priority, b.zone}});
  return list;
}

std::vector<std::string> known_policies();

// Refuses a setting that has no effect on the chosen policy. Throws config_error.
void check_settings(config const& settings);

// Says what has no effect, although it is allowed. Empty if there is nothing to say.
std::string warning_about(config const& settings);

equipoise::any_policy make_policy(config const& settings);  // throws config_error that lists the known policies

inline bool takes_addresses_alone(equipoise::any_policy const& policy) {
  return policy.key_kinds().address && !policy.key_kinds().text;
}

struct counters {
  std::atomic<std::uint64_t> clients{0}, requests{0}, answered{0}, retries{0}, refused{0}, broken{0}, errors{0};
};

// What the proxy knows of etcd. Written by the control thread.
struct discovery_counts {
  std::atomic<bool> is_current{false};  // its last word was a good list
  std::atomic<std::int64_t> revision{0};
  std::atomic<std::uint64_t> lists{0}, refused{0}, failures{0};           // see equipoise::feed_status
  std::atomic<std::uint64_t> ranges{0}, watches{0}, events{0}, bytes{0};  // see equipoise::etcd_source
};

struct shared {
  explicit shared(config settings);  // throws config_error, also for a setting without effect

  config const settings;
  equipoise::pool<server> pool;
  equipoise::balancer<server, equipoise::any_policy> balancer;
  bool const takes_addresses;  // whether the policy hashes addresses, and no text
  counters counts;
  discovery_counts discovered;
  std::atomic<bool> draining{false};
};

// Returns what a keyed policy hashes if the key is the client's address. It may refer to `text`, the address as text.
equipoise::any_key client_key(shared const& all, asio::ip::address const& from, std::string const& text);

}  // namespace proxy
