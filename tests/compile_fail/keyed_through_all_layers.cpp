// expect: equipoise: this policy needs a key: picker.select(key)
#include <equipoise/core/balancer.hpp>
#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/limited.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/sticky.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

using policy = equipoise::sticky<equipoise::failover<equipoise::limited<equipoise::bounded_load<equipoise::maglev<>>>>>;
void pick(equipoise::picker<server, policy>& p) { p.select(); }
