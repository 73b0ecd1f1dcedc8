// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/hash_modulo.hpp>

namespace hash_modulo_test {
using namespace equipoise;

namespace {
struct length_of_text {
  std::uint64_t operator()(std::string_view text) const { return text.size(); }
};
struct the_number_itself {
  std::uint64_t operator()(std::uint64_t n) const { return n; }
};
}  // namespace

TEST_CASE("hash_modulo: a key's owner is member number hash modulo n") {
  fleet f{hash_modulo<the_number_itself>{}, servers(7)};
  for (std::uint64_t n : {0ull, 1ull, 6ull, 7ull, 12345678901234567ull, 0xFFFFFFFFFFFFFFFFull})
    CHECK(f.picker.select(n)->number == n % 7);
}

TEST_CASE("hash_modulo takes the keys that its hash takes, and no others") {
  fleet f{hash_modulo<length_of_text>{}, servers(3)};
  CHECK(f.picker.select("four")->number == 1);
  CHECK(f.picker.select(std::string{"fives"})->number == 2);
  STATIC_REQUIRE(std::constructible_from<hash_modulo<length_of_text>::key_type, char const*>);
  STATIC_REQUIRE(!std::constructible_from<hash_modulo<length_of_text>::key_type, int>);
  STATIC_REQUIRE(!std::constructible_from<hash_modulo<the_number_itself>::key_type, char const*>);
  STATIC_REQUIRE(std::constructible_from<hash_modulo<>::key_type, address>);
  STATIC_REQUIRE(std::constructible_from<hash_modulo<>::key_type, int>);
  STATIC_REQUIRE(std::constructible_from<hash_modulo<>::key_type, std::string>);
}

TEST_CASE("hash_modulo with the library's hash is even, whatever the weights") {
  fleet f{hash_modulo{}, weighted({1, 5, 9, 2, 7})};
  CHECK(chi_square(f.shares(100'000)) < 1);
}

TEST_CASE("hash_modulo: even a constant hash finds every healthy backend") {
  struct constant {
    std::uint64_t operator()(std::uint64_t) const { return 4; }
  };
  fleet f{hash_modulo<constant>{}, servers(5)};
  CHECK(name_or_error(f.picker.select(1u)) == "E");
  for (std::size_t i : {4u, 0u, 1u, 2u}) f.set(i, health_flag::down);
  CHECK(name_or_error(f.picker.select(1u)) == "D");
  f.set(3, health_flag::down);
  CHECK(name_or_error(f.picker.select(1u)) == "(all_down)");
}

}  // namespace hash_modulo_test
