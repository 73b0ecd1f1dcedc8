// expect: equipoise: this policy needs a key: picker.acquire(key)
#include <equipoise/core/balancer.hpp>
#include <equipoise/policy/ring.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void pick(equipoise::picker<server, equipoise::ring<>>& p) { static_cast<void>(p.acquire()); }
