// SPDX-License-Identifier: MIT
// Which settings are refused because of the policy, and the bounds of every number.
#include "policies.hpp"

#include "catch.hpp"
#include "proxy.hpp"

#include <deque>

using namespace proxy;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string refusal_of(std::string const& text) {
  try {
    check_settings(parse_config(text, "p.toml"));
  } catch (config_error const& e) {
    return e.what();
  }
  return "none";
}

config three_backends(std::string const& policy) {
  config c;
  c.policy = policy;
  for (std::string name : {"a", "b", "c"}) {
    auto& one = c.backends.emplace_back();
    one.name = name;
    one.address = {tcp::v4(), static_cast<unsigned short>(c.backends.size())};
  }
  return c;
}

// The backends of 300 picks, each of which is in flight during the next eight.
std::vector<std::string> picks(config const& c, std::string const& keys = "1.2.") {
  equipoise::pool<server> pool;
  pool.assign(servers_of(c));
  auto const policy = make_policy(c);
  equipoise::balancer<server, equipoise::any_policy> balancer{pool, policy, 7};
  auto picker = balancer.make_picker();
  std::vector<std::string> out;
  std::deque<decltype(picker.acquire(equipoise::any_key{}))> held;
  for (int i = 0; i != 300; ++i) {
    auto const text = keys + std::to_string(i % 250) + ".1";
    auto const octets = asio::ip::make_address_v4(text).to_bytes();
    auto lease = picker.acquire(takes_addresses_alone(policy) ? equipoise::any_key{equipoise::address::v4(octets)}
                                                              : equipoise::any_key{std::string_view{text}});
    out.push_back(lease ? lease->name : "none");
    held.push_back(std::move(lease));
    if (held.size() == 9) held.pop_front();
  }
  return out;
}

std::string refusal(config const& c) {
  try {
    check_settings(c);
    return {};
  } catch (config_error const& e) {
    return e.what();
  }
}

}  // namespace

// What a policy says that it reads must agree with what it does.
TEST_CASE("A setting is refused if and only if it does not change the picks of the policy") {
  for (auto name : known_policies()) {
    if (name.find("…") != name.npos) name = composition_of(name, "round_robin");
    CAPTURE(name);
    auto const plain = three_backends(name);
    REQUIRE(refusal(plain).empty());
    auto weights = plain, priorities = plain, zones = plain, keys = plain;
    weights.backends[0].weight = 5;
    priorities.backends[0].priority = 1;
    zones.backends[0].zone = "west";
    keys.key.from = key_config::source::header;
    CHECK(refusal(weights).empty() == (picks(weights) != picks(plain)));
    CHECK(refusal(priorities).empty() == (picks(priorities) != picks(plain)));
    CHECK(refusal(zones).empty() == (picks(zones) != picks(plain)));
    if (takes_addresses_alone(make_policy(plain)))
      CHECK_THAT(refusal(keys), ContainsSubstring("hashes addresses"));
    else
      CHECK(refusal(keys).empty() == (picks(plain, "9.8.") != picks(plain)));
  }
}

TEST_CASE("A setting without effect is refused with its line, its value and the policy") {
  std::string const backend = "[[backend]]\nname = \"b\"\naddress = \"127.0.0.1:1\"\n";
  CHECK(refusal_of("policy = \"round_robin\"\n" + backend + "weight = 10\n") ==
        "p.toml:2: backend \"b\": weight = 10 has no effect, because policy round_robin reads no weights (0 and 1 are "
        "allowed)");
  CHECK(refusal_of("policy = \"maglev\"\n" + backend + "priority = 1\n") ==
        "p.toml:2: backend \"b\": priority = 1 has no effect, because policy maglev reads no priorities");
  CHECK(refusal_of("policy = \"failover{maglev}\"\n" + backend + "zone = \"x\"\n") ==
        "p.toml:2: backend \"b\": zone = \"x\" has no effect, because policy failover{maglev} reads no zones");
  CHECK(refusal_of("workers = 1\nkey = \"header X-User\"\n") ==
        "p.toml:2: key = \"header X-User\" has no effect, because policy round_robin reads no key");
  CHECK(refusal_of("workers = 1\nkey = \"path\"\n") ==
        "p.toml:2: key = \"path\" has no effect, because policy round_robin reads no key");
  CHECK(
      refusal_of("policy = \"max_in_flight{round_robin, limit=9}\"\n" + backend + "weight = 2\n") ==
      "p.toml:2: backend \"b\": weight = 2 has no effect, because policy max_in_flight{round_robin, limit=9} reads no "
      "weights (0 and 1 are allowed)");
  CHECK(refusal_of("policy = \"shard_router{modulo_shards{a, b}}\"\n") ==
        "p.toml:1: policy shard_router{modulo_shards{a, b}} has numbers for keys, and this proxy has texts and "
        "addresses");
  CHECK_THAT(refusal_of("policy = \"zone_first{maglev}\"\n"),
             ContainsSubstring("p.toml:1: ") && ContainsSubstring("needs its parameter zone"));
  for (std::string weight : {"0", "1"}) CHECK(refusal_of(backend + "weight = " + weight + "\n") == "none");
  CHECK(refusal_of("policy = \"failover{bounded_load{maglev}}\"\nkey = \"path\"\n" + backend +
                   "weight = 3\npriority = 2\n") == "none");
}

TEST_CASE("Sticky is allowed with a warning, because the proxy passes no session") {
  config c;
  CHECK(warning_about(c).empty());
  c.policy = "failover{sticky{round_robin}}";
  CHECK_THAT(warning_about(c), ContainsSubstring(c.policy) && ContainsSubstring("session"));
}

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
      {"checks", "interval"},  {"checks", "timeout"},    {"passive", "eject"},   {"retry", "hold"},
      {"timeouts", "connect"}, {"timeouts", "response"}, {"timeouts", "stream"}, {"timeouts", "request"},
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
