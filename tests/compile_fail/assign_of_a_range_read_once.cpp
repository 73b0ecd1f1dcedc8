// SPDX-License-Identifier: MIT
// expect: equipoise: assign() reads its range twice
#include <equipoise/core/pool/pool.hpp>

#include <istream>
#include <iterator>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }
std::istream& operator>>(std::istream& in, server& s) { return in >> s.name; }

struct as_it_comes {
  std::istream& in;
  std::istream_iterator<server> begin() const { return std::istream_iterator<server>{in}; }
  std::istream_iterator<server> end() const { return {}; }
};

void use(equipoise::pool<server>& pool, std::istream& in) { pool.assign(as_it_comes{in}); }
