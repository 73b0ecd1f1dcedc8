// SPDX-License-Identifier: MIT
#include "proxy.hpp"

#include <fmt/format.h>

#include <random>

namespace proxy {

namespace {

equipoise::pool_options options_for(config const& settings) {
  return {.capacity = most_backends, .counter_stripes = settings.workers, .observations = true};
}

}  // namespace

std::vector<std::string> known_policies() {
  auto all = equipoise::policy_registry::standard().usage();
  std::erase_if(all, [](auto const& form) { return form.starts_with("shard_router"); });  // its keys are numbers
  return all;
}

equipoise::any_policy make_policy(config const& settings) try {
  return equipoise::policy_registry::standard().make(settings.policy);
} catch (std::invalid_argument const& e) {
  throw config_error{fmt::format("{}:{}: {}", settings.file, settings.policy_line, e.what())};
}

shared::shared(config s)
    : settings{std::move(s)}, pool{options_for(settings)},
      balancer{pool, make_policy(settings), settings.seed ? *settings.seed : std::random_device{}()},
      takes_addresses{takes_addresses_alone(balancer.policy())} {
  check_settings(settings);
  try {
    pool.assign(servers_of(settings));
  } catch (std::invalid_argument const& e) {  // for example a priority beyond the levels of failover
    throw config_error{fmt::format("{}: {}", settings.file, e.what())};
  }
}

// Some policies use the octets of an address. The others hash the text.
equipoise::any_key client_key(shared const& all, asio::ip::address const& from, std::string const& text) {
  if (!all.takes_addresses) return std::string_view{text};
  if (from.is_v4()) return equipoise::address::v4(from.to_v4().to_bytes());
  return equipoise::address::v6(from.to_v6().to_bytes());
}

}  // namespace proxy
