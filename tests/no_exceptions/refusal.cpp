// What a refused configuration does where there are no exceptions; the argument says which handler is there to hear it.
#include <equipoise/equipoise.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

static_assert(!EQUIPOISE_EXCEPTIONS);

namespace {
struct host {
  std::string name;
};
std::string_view key_of(host const& h) { return h.name; }

void tell(char const* message) {
  std::printf("told: %s\n", message);
  std::fflush(stdout);  // abort() does not
}
void tell_and_exit(char const* message) {
  tell(message);
  std::exit(7);
}
}  // namespace

int main(int, char** arguments) {
  auto const mode = [&](char const* name) { return std::strcmp(arguments[1], name) == 0; };
  equipoise::pool<host> pool;
  equipoise::balancer lb{pool, equipoise::round_robin{}, 0};
  pool.add({"even-one"});
  if (!lb.make_picker().select()) return 1;
  if (mode("exits")) equipoise::set_failure_handler(tell_and_exit);
  if (mode("returns")) equipoise::set_failure_handler(tell);
  if (mode("reset")) {
    equipoise::set_failure_handler(tell_and_exit);
    if (equipoise::set_failure_handler(nullptr) != tell_and_exit) return 2;
  }
  pool.add({"odd-one"}, {.priority = 70'000});
  return 3;  // it was not refused
}
