// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/client_subset.hpp>

#include <map>
#include <set>

namespace client_subset_test {
using namespace equipoise;

namespace {
constexpr std::uint32_t sizes[] = {1, 2, 10, 655, 5000};

std::vector<std::string> addresses_of(std::size_t n) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i != n; ++i) all.push_back("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  return all;
}
std::vector<std::string_view> views_of(std::vector<std::string> const& texts) { return {texts.begin(), texts.end()}; }

template <class Numbers>
bool all_differ(Numbers const& numbers) {
  return std::set(numbers.begin(), numbers.end()).size() == numbers.size();
}

// How often each server is in one of the subsets.
template <class Subset>
std::vector<std::size_t> uses(std::uint32_t servers, std::size_t clients, Subset subset) {
  std::vector<std::size_t> count(servers);
  for (std::size_t c = 0; c != clients; ++c)
    for (auto i : subset(c)) ++count[i];
  return count;
}
}  // namespace

TEST_CASE("deterministic_subset: the clients of a round divide the servers among them") {
  for (std::uint32_t n : sizes)
    for (std::uint32_t size : {1u, 3u, 20u, 655u}) {
      if (size >= n) continue;
      std::uint32_t const subsets = n / size;
      for (std::uint64_t round : {0u, 1u, 7u}) {
        auto const count = uses(n, subsets, [&](std::uint64_t c) {
          auto s = deterministic_subset(n, round * subsets + c, size);
          REQUIRE(s.size() == size);
          return s;
        });
        for (auto c : count) REQUIRE(c <= 1);
        CHECK(std::count(count.begin(), count.end(), 1u) == static_cast<std::ptrdiff_t>(subsets * size));
      }
      if (n % size == 0 && n < 1000)
        for (auto c : uses(n, 6 * subsets, [&](std::uint64_t k) { return deterministic_subset(n, k, size); }))
          CHECK(c == 6);
    }
}

TEST_CASE("deterministic_subset: rounds differ, and a client has the same subset again") {
  CHECK(deterministic_subset(655, 3, 20) == deterministic_subset(655, 3, 20));
  CHECK(deterministic_subset(655, 3, 20) != deterministic_subset(655, 3 + 32, 20));
  for (std::uint32_t n : sizes) {
    CHECK(deterministic_subset(n, 5, n + 1).size() == n);
    CHECK(all_differ(deterministic_subset(n, 5, n)));
    CHECK(deterministic_subset(n, 5, 0).empty());
  }
  CHECK(deterministic_subset(0, 0, 3).empty());
  CHECK(deterministic_subset(7, ~std::uint64_t{0}, 2).size() == 2);
}

TEST_CASE("rendezvous_subset: a server that joins or leaves changes at most one of a subset") {
  for (std::uint32_t n : sizes) {
    auto const texts = addresses_of(n + 1);
    auto const all = views_of(texts);
    for (std::uint64_t seed = 0; seed != 20; ++seed)
      for (std::size_t size : {1u, 5u, 20u}) {
        auto const with = rendezvous_subset(all, seed, size);
        auto const without = rendezvous_subset({all.data(), n}, seed, size);
        REQUIRE(with.size() == std::min<std::size_t>(size, n + 1));
        REQUIRE(all_differ(with));
        std::size_t lost = 0;
        for (auto i : without) lost += std::find(with.begin(), with.end(), i) == with.end();
        REQUIRE(lost <= 1);
        bool const joined = std::find(with.begin(), with.end(), n) != with.end();
        REQUIRE(lost == (joined && without.size() == size ? 1 : 0));
      }
  }
}

TEST_CASE("rendezvous_subset: clients spread, and the order of the servers does not matter") {
  auto const texts = addresses_of(100);
  auto all = views_of(texts);
  auto const count = uses(100, 4000, [&](std::uint64_t seed) { return rendezvous_subset(all, seed, 10); });
  CHECK(chi_square(count) < 1);
  rng d{3};
  auto const names = [&](std::uint64_t seed) {
    std::vector<std::string_view> found;
    for (auto i : rendezvous_subset(all, seed, 10)) found.push_back(all[i]);
    return found;
  };
  auto const before = names(7);
  std::shuffle(all.begin(), all.end(), d);
  CHECK(names(7) == before);
  CHECK(rendezvous_subset({}, 1, 5).empty());
  CHECK(rendezvous_subset(all, 1, 0).empty());
}

TEST_CASE("rendezvous_subset: the least XXH64 hashes with the seed, as gRPC A68 says") {
  auto const texts = addresses_of(50);
  auto const all = views_of(texts);
  auto const found = rendezvous_subset(all, 42, 7);
  for (std::size_t i = 1; i != found.size(); ++i) CHECK(xxh64(all[found[i - 1]], 42) < xxh64(all[found[i]], 42));
  std::size_t below = 0;
  for (auto a : all) below += xxh64(a, 42) <= xxh64(all[found.back()], 42);
  CHECK(below == 7);
}

TEST_CASE("ring_aperture: all clients together give every server exactly the same") {
  for (std::uint32_t servers : {1u, 2u, 10u, 37u, 655u})
    for (std::uint32_t clients : {1u, 2u, 3u, 10u, 64u, 655u})
      for (std::uint32_t least : {1u, 3u, 12u}) {
        std::vector<std::uint64_t> width(servers);
        for (std::uint64_t c = 0; c != clients; ++c) {
          auto const slices = ring_aperture(servers, c, clients, least);
          std::uint64_t sum = 0;
          std::set<std::uint32_t> seen;
          for (auto const& s : slices) {
            REQUIRE(s.server < servers);
            REQUIRE(s.width > 0);
            REQUIRE(s.width <= clients);
            width[s.server] += s.width;
            sum += s.width;
            seen.insert(s.server);
          }
          REQUIRE(seen.size() == slices.size());
          REQUIRE(slices.size() >= std::min(least, servers));
          REQUIRE(sum >= std::min<std::uint64_t>(least, servers) * clients);  // that many whole servers
        }
        for (auto w : width) REQUIRE(w == width[0]);
      }
}

TEST_CASE("ring_aperture: a client of many sees few servers, and a single client all") {
  CHECK(ring_aperture(5000, 17, 1000).size() <= 12 + 5 + 1);
  CHECK(ring_aperture(5000, 0, 1).size() == 5000);
  CHECK(ring_aperture(10, 0, 5, 2) == std::vector<aperture_slice>{{0, 5}, {1, 5}});
  CHECK(ring_aperture(3, 1, 2, 1) == std::vector<aperture_slice>{{1, 1}, {2, 2}});
  CHECK(ring_aperture(0, 0, 1).empty());
  CHECK(ring_aperture(5, 0, 0).empty());
  CHECK(ring_aperture(5, 7, 5) == ring_aperture(5, 2, 5));
  CHECK(ring_aperture(655, 3, 655, 0).size() == 1);
  CHECK(ring_aperture(0x7FFFFFFF, 0x7FFFFFFE, 0x7FFFFFFF, 3).size() == 3);
}

TEST_CASE("shuffle_shard: a tenant's servers differ, and tenants spread over all servers") {
  for (std::uint32_t n : sizes)
    for (std::uint32_t size : {0u, 1u, 2u, 8u}) {
      auto const s = shuffle_shard(n, 99, size);
      CHECK(s.size() == std::min(n, size));
      CHECK(all_differ(s));
      CHECK(s == shuffle_shard(n, 99, size));
    }
  CHECK(chi_square(uses(50, 10'000, [](std::uint64_t t) { return shuffle_shard(50, t, 5); })) < 1);
  std::map<std::set<std::uint32_t>, std::size_t> pairs;  // n = 8, k = 2: 28 shards
  for (std::uint64_t t = 0; t != 28'000; ++t) {
    auto const s = shuffle_shard(8, t, 2);
    ++pairs[{s.begin(), s.end()}];
  }
  std::vector<std::size_t> count;
  for (auto const& [pair, c] : pairs) count.push_back(c);
  CHECK(count.size() == 28);
  CHECK(chi_square(count) < 1);
}

}  // namespace client_subset_test
