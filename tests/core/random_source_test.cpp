// SPDX-License-Identifier: MIT
#include "support.hpp"

namespace random_source_test {
using namespace equipoise;

TEST_CASE("mix gives SplitMix64's published numbers for the seeds 0 and 1234567") {
  std::uint64_t state = 0;
  CHECK(mix(state += golden_gamma) == 0xE220A8397B1DCDAF);
  CHECK(mix(state += golden_gamma) == 0x6E789E6AA1B965F4);
  CHECK(mix(state += golden_gamma) == 0x06C45D188009454F);
  state = 1234567;
  CHECK(mix(state += golden_gamma) == 6457827717110365317);
  CHECK(mix(state += golden_gamma) == 3203168211198807973);
}

#if defined(__SIZEOF_INT128__)
TEST_CASE("multiply_high is the upper half of the 128-bit product") {
  __extension__ using wide = unsigned __int128;
  rng d{26};
  auto const check = [](std::uint64_t a, std::uint64_t b) {
    REQUIRE(multiply_high(a, b) == static_cast<std::uint64_t>(static_cast<wide>(a) * b >> 64));
    auto const x = static_cast<std::uint32_t>(a), y = static_cast<std::uint32_t>(b);
    REQUIRE(detail::multiply_high32(x, y) == static_cast<std::uint32_t>(std::uint64_t{x} * y >> 32));
  };
  std::uint64_t const edges[] = {0,
                                 1,
                                 2,
                                 0x7FFFFFFF,
                                 0x80000000,
                                 0xFFFFFFFF,
                                 0x100000000,
                                 0x7FFFFFFFFFFFFFFF,
                                 0x8000000000000000,
                                 0xFFFFFFFFFFFFFFFF};
  for (auto a : edges)
    for (auto b : edges) check(a, b);
  for (int i = 0; i != 10'000; ++i) check(d(), d());
}
#endif

TEST_CASE("random_source: numbers depend on seed and stream, and on nothing else") {
  random_source a{1, 2}, b{1, 2}, c{1, 3}, e{2, 2};
  for (int i = 0; i != 100; ++i) {
    auto const n = a.next();
    CHECK(n == b.next());
    CHECK(n != c.next());
    CHECK(n != e.next());
  }
}

TEST_CASE("random_source: below(n) is even over 0 … n − 1") {
  random_source r{3};
  CHECK(r.below(0) == 0);
  CHECK(r.below(1) == 0);
  for (std::uint32_t n : {2u, 7u, 100u}) {
    std::vector<std::size_t> count(n);
    for (int i = 0; i != 100'000; ++i) ++count.at(r.below(n));
    CHECK(chi_square(count) < 1);
  }
}

TEST_CASE("random_source: positions are spread over seeds and over streams") {
  std::vector<std::size_t> by_seed(10), by_stream(10);
  for (std::uint64_t i = 0; i != 10'000; ++i) {
    ++by_seed.at(random_source{i}.position(10));
    ++by_stream.at(random_source{0, i}.position(10));
  }
  CHECK(chi_square(by_seed) < 1);
  CHECK(chi_square(by_stream) < 1);
  CHECK(random_source{0, 0, true}.position(10) == 0);
  CHECK(random_source{7}.position(0) == 0);
}

}  // namespace random_source_test
