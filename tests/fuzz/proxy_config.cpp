// SPDX-License-Identifier: MIT
// The proxy reads a configuration, or refuses it with a config_error that begins with the file and a line of it.
#include "fuzz.hpp"

#include "config.hpp"

#include <algorithm>
#include <set>

namespace {

bool names_a_line(std::string_view message, std::string_view text) {
  if (!message.starts_with("p.toml:")) return false;
  message.remove_prefix(7);
  auto const digits = message.find_first_not_of("0123456789");
  if (digits == 0 || digits > 6 || !message.substr(digits).starts_with(": ")) return false;
  auto const line = std::stol(std::string{message.substr(0, digits)});
  return line >= 1 && line <= std::count(text.begin(), text.end(), '\n') + 1 && message.size() > digits + 2;
}

void is_within_bounds(proxy::config const& c) {
  FUZZ_CHECK(c.workers >= 1 && c.workers <= 1024);
  FUZZ_CHECK(c.checks.path.starts_with('/') && c.checks.rise >= 1 && c.checks.fall >= 1);
  FUZZ_CHECK(c.retry.attempts >= 1 && c.retry.attempts <= 16);
  FUZZ_CHECK(c.limits.header >= 256 && c.limits.header <= 1u << 20 && c.limits.request_body <= 1u << 30);
  FUZZ_CHECK(c.limits.clients >= 1 && c.limits.clients <= 1'000'000 && c.limits.idle_per_backend <= 10'000);
  auto const& t = c.timeouts;
  for (auto time : {c.checks.interval, c.checks.timeout, c.passive.eject, c.retry.hold, t.connect, t.response, t.stream,
                    t.request, t.idle, t.linger, t.drain})
    FUZZ_CHECK(time.count() > 0 && time <= std::chrono::hours{24});
  FUZZ_CHECK(c.backends.size() <= proxy::most_backends);
  std::set<std::string> names;
  for (auto const& b : c.backends) {
    FUZZ_CHECK(!b.name.empty() && names.insert(b.name).second);
    FUZZ_CHECK(b.address.port() != 0 && b.priority <= 65'535);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const text{fuzz::text_of(data, size)};
  // Only ASCII is tried here. With -1 another input is not kept.
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 127; })) return -1;
  try {
    is_within_bounds(proxy::parse_config(text, "p.toml"));
  } catch (proxy::config_error const& e) {
    FUZZ_CHECK(names_a_line(e.what(), text));
  }
  return 0;
}
