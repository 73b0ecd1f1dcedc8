// SPDX-License-Identifier: MIT
// Makes a configuration mistake in a program without exceptions. The argument names the failure handler to install.
#include <equipoise/equipoise.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

static_assert(!EQUIPOISE_EXCEPTIONS);

namespace {
struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

void print(char const* message) {
  std::printf("message: %s\n", message);
  std::fflush(stdout);  // abort() does not flush
}
void print_and_exit(char const* message) {
  print(message);
  std::exit(7);
}
}  // namespace

int main(int, char** arguments) {
  auto const mode = [&](char const* name) { return std::strcmp(arguments[1], name) == 0; };
  equipoise::pool<server> pool;
  equipoise::balancer lb{pool, equipoise::round_robin{}, 0};
  pool.add({"even-one"});
  if (!lb.make_picker().select()) return 1;
  if (mode("exits")) equipoise::set_failure_handler(print_and_exit);
  if (mode("returns")) equipoise::set_failure_handler(print);
  if (mode("reset")) {
    equipoise::set_failure_handler(print_and_exit);
    if (equipoise::set_failure_handler(nullptr) != print_and_exit) return 2;
  }
  pool.add({"odd-one"}, {.priority = 70'000});
  return 3;  // the mistake was not refused
}
