// SPDX-License-Identifier: MIT
// expect: equipoise: priority_of takes a B*: it must take a B const&
#include <equipoise/core/pool/pool.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }
int priority_of(server const*) { return 1; }

equipoise::pool<server> pool;
