// SPDX-License-Identifier: MIT
// expect: equipoise: the function given to try_change() returns a result
#include <equipoise/core/pool/pool.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void change(equipoise::pool<server>& pool) {
  pool.try_change([](auto& t) { static_cast<void>(t.try_add({"a"})); });
}
