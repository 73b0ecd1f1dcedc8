// SPDX-License-Identifier: MIT
// expect: equipoise: a backend's weight and its priority are integers
#include <equipoise/core/pool/pool.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }
double weight_of(server const&) { return 0.5; }

void use(equipoise::pool<server>& pool) { pool.add({"a"}); }
