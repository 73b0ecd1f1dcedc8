// SPDX-License-Identifier: MIT
// expect: equipoise: a data member is not read: write weight_of(B const&)
#include <equipoise/core/pool/pool.hpp>

struct server {
  std::string name;
  int weight = 1;
};
std::string_view key_of(server const& s) { return s.name; }

equipoise::pool<server> pool;
