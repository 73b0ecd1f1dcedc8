// SPDX-License-Identifier: MIT
#include "proxy.hpp"

#include <equipoise/policy/zone_first.hpp>

#include <fmt/format.h>

#include <random>

namespace proxy {

namespace {

// The library's policies that need no arguments, and zone_first with the zone of this proxy.
equipoise::policy_registry registry_for(std::string const& zone) {
  auto registry = equipoise::policy_registry::of<equipoise::standard_policies, equipoise::standard_compositions>();
  registry.wrap("zone_first", [zone](equipoise::any_policy inside) -> equipoise::any_policy {
    return equipoise::zone_first{zone, std::move(inside)};
  });
  return registry;
}

equipoise::pool_options options_for(config const& settings) {
  return {.capacity = most_backends, .counter_stripes = settings.workers, .observations = true};
}

}  // namespace

std::vector<std::string> known_policies() { return registry_for("").names(); }

equipoise::any_policy make_policy(config const& settings) try {
  return registry_for(settings.zone).make(settings.policy);
} catch (std::invalid_argument const& e) {
  throw config_error{fmt::format("{}:{}: {}", settings.file, settings.policy_line, e.what())};
}

shared::shared(config s)
    : settings{std::move(s)}, pool{options_for(settings)},
      balancer{pool, make_policy(settings), settings.seed ? *settings.seed : std::random_device{}()} {
  check_settings(settings);
  try {
    pool.assign(servers_of(settings));
  } catch (std::invalid_argument const& e) {  // for example a priority beyond the levels of failover
    throw config_error{fmt::format("{}: {}", settings.file, e.what())};
  }
}

// ip_hash uses the octets of an address. All other policies hash the text.
equipoise::any_key client_key(shared const& all, asio::ip::address const& from, std::string const& text) {
  if (!by_address(all.settings)) return std::string_view{text};
  if (from.is_v4()) return equipoise::address::v4(from.to_v4().to_bytes());
  return equipoise::address::v6(from.to_v6().to_bytes());
}

}  // namespace proxy
