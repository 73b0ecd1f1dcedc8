// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/ip_hash.hpp>

namespace ip_hash_test {
using namespace equipoise;

namespace {
// The member that nginx's rule picks, written straight from the rule's description. None once the tries are used up.
std::optional<std::size_t> nginx_choice(std::vector<std::uint32_t> const& weights, std::vector<bool> const& up,
                                        std::vector<unsigned> const& octets, int most = 21) {
  std::uint64_t total = 0;
  for (auto w : weights) total += w;
  unsigned h = 89;
  for (int tries = 0; tries != most; ++tries) {
    for (unsigned o : octets) h = (h * 113 + o) % 6271;
    std::uint64_t x = h % total;
    std::size_t p = 0;
    while (x >= weights[p]) x -= weights[p++];
    if (up[p]) return p;
  }
  return std::nullopt;
}
}  // namespace

TEST_CASE("ip_hash picks as nginx does, for random weights, addresses and failures") {
  rng d{18};
  for (int run = 0; run != 50; ++run) {
    std::size_t const n = 1 + random_below(d, 10);
    auto const weights = random_weights(d, n, run % 3 == 0 ? 1 : 2000);
    fleet f{ip_hash{}, weighted(weights)};
    std::vector<bool> up(n, true);
    for (std::size_t i = 1; i < n; ++i)
      if (random_below(d, 3) == 0) up[i] = false, f.set(i, health_flag::down);
    for (int k = 0; k != 300; ++k) {
      std::array<std::uint8_t, 16> o{};
      for (auto& byte : o) byte = static_cast<std::uint8_t>(d());
      bool const v6 = random_below(d, 2) == 0;
      auto const a = v6 ? address::v6(o) : address::v4({o[0], o[1], o[2], o[3]});
      auto const expected = nginx_choice(
          weights, up, v6 ? std::vector<unsigned>(o.begin(), o.end()) : std::vector<unsigned>{o[0], o[1], o[2]});
      auto const got = f.picker.select(a);
      REQUIRE(got);
      if (expected) CHECK(got->number == *expected);
      CHECK(up[got->number]);
    }
  }
}

TEST_CASE("ip_hash: the 21st proposal is still the one that nginx makes") {
  std::vector<std::uint32_t> const weights{1, 1, 1, 30};
  std::vector<bool> const up{true, true, true, false};
  fleet f{ip_hash{}, weighted(weights)};
  f.set(3, health_flag::down);
  int last = 0;  // how often the 21st proposal decided
  for (unsigned network = 0; network != 50'000; ++network) {
    std::vector<unsigned> const octets{network >> 16, network >> 8 & 255, network & 255};
    auto const expected = nginx_choice(weights, up, octets);
    if (!expected || nginx_choice(weights, up, octets, 20)) continue;
    ++last;
    auto const a = address::v4({static_cast<std::uint8_t>(octets[0]), static_cast<std::uint8_t>(octets[1]),
                                static_cast<std::uint8_t>(octets[2]), 0});
    CHECK(f.picker.select(a)->number == *expected);
  }
  CHECK(last > 100);
}

TEST_CASE("ip_hash: a whole IPv4 network of 256 addresses is one client") {
  fleet f{ip_hash{}, servers(7)};
  auto const owner = f.picker.select(*address::parse("192.0.2.1")).id();
  for (unsigned last = 0; last != 256; ++last)
    CHECK(f.picker.select(address::v4({192, 0, 2, static_cast<std::uint8_t>(last)})).id() == owner);
}

TEST_CASE("ip_hash: an IPv4-mapped address is hashed as sixteen octets, as nginx does") {
  auto const mapped = *address::parse("::ffff:192.0.2.7");
  REQUIRE(mapped.is_v6());
  std::vector<std::uint32_t> const weights(10, 1);
  fleet f{ip_hash{}, weighted(weights)};
  auto const expected =
      nginx_choice(weights, std::vector<bool>(10, true), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 7});
  CHECK(f.picker.select(mapped)->number == *expected);
}

TEST_CASE("ip_hash: the last octet of IPv6 counts") {
  fleet f{ip_hash{}, servers(10)};
  std::vector<bool> seen(10);
  for (unsigned last = 0; last != 256; ++last)
    seen[f.picker
             .select(address::v6({32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(last)}))
             ->number] = true;
  CHECK(std::count(seen.begin(), seen.end(), true) == 10);
}

TEST_CASE("ip_hash: beyond a total weight of 6271 the tail only takes over for the others") {
  fleet f{ip_hash{}, weighted({6271, 1})};
  auto const count = f.shares(20'000);
  CHECK(count[1] == 0);
  f.set(0, health_flag::down);
  CHECK(f.shares(100)[1] == 100);
}

}  // namespace ip_hash_test
