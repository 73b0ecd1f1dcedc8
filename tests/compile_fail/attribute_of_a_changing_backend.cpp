// SPDX-License-Identifier: MIT
// expect: equipoise: zone_of takes a B&: it must take a B const&
#include <equipoise/core/pool/pool.hpp>

struct server {
  std::string name, place;
};
std::string_view key_of(server const& s) { return s.name; }
std::string zone_of(server& s) { return s.place; }

equipoise::pool<server> pool;
