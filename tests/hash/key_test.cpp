// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/hash/key.hpp>

namespace key_test {
using namespace equipoise;

TEST_CASE("key: text and addresses are hashed by xxh64, numbers by SplitMix64's mixer") {
  CHECK(hashed_key{"user-42"}.hash == xxh64("user-42"));
  CHECK(hashed_key{std::string{"user-42"}}.hash == hashed_key{std::string_view{"user-42"}}.hash);
  char const* const no_text = nullptr;
  CHECK(hashed_key{no_text}.hash == hashed_key{""}.hash);
  CHECK(hashed_key{42}.hash == mix(42 + golden_gamma));
  CHECK(hashed_key{42}.hash == hashed_key{std::uint64_t{42}}.hash);
  CHECK(hashed_key{-1}.hash == hashed_key{std::int64_t{-1}}.hash);
  CHECK(hashed_key{*address::parse("10.0.0.1")}.hash == xxh64(std::string_view{"\x0a\0\0\x01", 4}));
}

TEST_CASE("key: derived keys are independent, and salt 0 changes nothing") {
  hashed_key const k{7};
  CHECK(k.derived(0).hash == k.hash);
  CHECK(k.derived(1).hash != k.hash);
  CHECK(k.derived(1).hash != k.derived(2).hash);
}

TEST_CASE("key: mixed leaves an avalanching hash as it is and mixes any other") {
  struct itself {
    std::uint64_t operator()(std::uint64_t n) const { return n; }
  };
  CHECK(hashed_key{7}.mixed() == hashed_key{7}.hash);
  CHECK(basic_key<itself>{std::uint64_t{7}}.hash == 7);
  CHECK(basic_key<itself>{std::uint64_t{7}}.mixed() == mix(7));
}

TEST_CASE("key: a type without derived() is its own derived key") {
  CHECK(derived(5, 3) == 5);
  CHECK(derived(hashed_key{5}, 3).hash == hashed_key{5}.derived(3).hash);
}

}  // namespace key_test
