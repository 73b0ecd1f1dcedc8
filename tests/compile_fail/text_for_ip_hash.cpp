// SPDX-License-Identifier: MIT
// expect: equipoise: this policy's key_type cannot be made of this argument
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/ip_hash.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::picker<server, equipoise::ip_hash>& p) { static_cast<void>(p.acquire("192.0.2.1")); }
