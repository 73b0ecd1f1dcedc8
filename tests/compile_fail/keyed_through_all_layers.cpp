// SPDX-License-Identifier: MIT
// expect: equipoise: this policy needs a key, as the first argument
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/sticky.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

using policy =
    equipoise::sticky<equipoise::failover<equipoise::max_in_flight<equipoise::bounded_load<equipoise::maglev<>>>>>;
void pick(equipoise::picker<server, policy>& p) { p.select(); }
