// expect: equipoise: assign() reads its range twice
#include <equipoise/core/pool.hpp>

#include <iterator>
#include <ranges>
#include <sstream>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }
std::istream& operator>>(std::istream& in, server& s) { return in >> s.name; }

void use(equipoise::pool<server>& pool, std::istream& in) { pool.assign(std::ranges::istream_view<server>(in)); }
