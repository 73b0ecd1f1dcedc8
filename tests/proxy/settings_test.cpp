// SPDX-License-Identifier: MIT
// The bounds of every setting.
#include "catch.hpp"
#include "config.hpp"

using namespace proxy;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string refusal_of(std::string const& text) {
  try {
    static_cast<void>(parse_config(text, "p.toml"));
  } catch (config_error const& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("Every number and every duration has an upper bound") {
  struct {
    std::string section, name, most, more;
  } const bounds[] = {{"", "workers", "1024", "1025"},
                      {"checks", "rise", "1000000", "1000001"},
                      {"checks", "fall", "1000000", "1000001"},
                      {"passive", "failures", "1000000", "1000001"},
                      {"retry", "attempts", "16", "17"},
                      {"limits", "header", "1048576", "1048577"},
                      {"limits", "request_body", "1073741824", "1073741825"},
                      {"limits", "clients", "1000000", "1000001"},
                      {"limits", "idle_per_backend", "10000", "10001"}};
  for (auto const& [section, name, most, more] : bounds) {
    CAPTURE(section, name);
    auto const head = section.empty() ? "" : '[' + section + "]\n";
    CHECK(refusal_of(head + name + " = " + most + "\n") == "none");
    CHECK_THAT(refusal_of(head + name + " = " + more + "\n"),
               ContainsSubstring(name + " = " + more + " is not within") && ContainsSubstring(most));
  }
  std::pair<std::string, std::string> const durations[] = {
      {"checks", "interval"},  {"checks", "timeout"},    {"passive", "eject"},
      {"timeouts", "connect"}, {"timeouts", "response"}, {"timeouts", "request"},
      {"timeouts", "idle"},    {"timeouts", "linger"},   {"timeouts", "drain"}};
  for (auto const& [section, name] : durations) {
    CAPTURE(section, name);
    CHECK(refusal_of('[' + section + "]\n" + name + " = \"24h\"\n") == "none");
    CHECK(refusal_of('[' + section + "]\n" + name + " = \"25h\"\n") ==
          "p.toml:2: " + section + '.' + name + " = \"25h\" is more than 24h");
  }
}

TEST_CASE("A text that is too long and a file that is too large are refused") {
  CHECK(refusal_of("policy = \"" + std::string(1025, 'x') + "\"\n") ==
        "p.toml:1: policy has 1025 bytes, which is more than 1024");
  CHECK_THROWS_WITH(read_config("/dev/zero"), ContainsSubstring("/dev/zero: has more than 4194304 bytes"));
}
