// SPDX-License-Identifier: MIT
// expect: equipoise: the backend's weight() must be const
#include <equipoise/core/pool/pool.hpp>

struct server {
  std::string name;
  int weight() { return 1; }
};
std::string_view key_of(server const& s) { return s.name; }

equipoise::pool<server> pool;
