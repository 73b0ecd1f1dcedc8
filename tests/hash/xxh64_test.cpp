// SPDX-License-Identifier: MIT
#include "support.hpp"

namespace xxh64_test {
using namespace equipoise;

// Answers of the reference implementation (xxHash 0.8, called from python-xxhash) for the first n of the bytes 3, 10,
// 17, …. The lengths have every remainder of the 32-byte stripes, the 8-byte and 4-byte words, and the single bytes.
TEST_CASE("xxh64 gives the reference answers for every length and seed") {
  struct vector {
    std::size_t length;
    std::uint64_t seed, hash;
  };
  constexpr vector vectors[] = {
      {0, 0x0, 0xef46db3751d8e999},   {0, 0x1, 0xd5afba1336a3be4b},   {0, 0x9e3779b97f4a7c15, 0xc4349fc93c010000},
      {1, 0x0, 0x1f25c8d0bc1f4bb6},   {1, 0x1, 0x610f93f8c89889fe},   {1, 0x9e3779b97f4a7c15, 0x79826bcd749d267a},
      {2, 0x0, 0xf5bedec232706303},   {2, 0x1, 0x1259e4732d62049f},   {2, 0x9e3779b97f4a7c15, 0x416ec13888be56bd},
      {3, 0x0, 0x31d2363f52e564c9},   {3, 0x1, 0x2d80e074130d0176},   {3, 0x9e3779b97f4a7c15, 0x78efd77575e26575},
      {4, 0x0, 0x9bb64b7d66ee9fda},   {4, 0x1, 0x5ec9fdd10fcbcb0e},   {4, 0x9e3779b97f4a7c15, 0x6f0a6c97d68bf353},
      {5, 0x0, 0xc7608efddb7051fe},   {5, 0x1, 0x89c1d7fbeb0222bf},   {5, 0x9e3779b97f4a7c15, 0xa677b535c22b67a5},
      {7, 0x0, 0x9a7b149959ce60d8},   {7, 0x1, 0xd8b4a941715fee31},   {7, 0x9e3779b97f4a7c15, 0xd97ede93c9d66a0d},
      {8, 0x0, 0xdab99d95c6f90092},   {8, 0x1, 0xf119f5b26c0020ab},   {8, 0x9e3779b97f4a7c15, 0xa2f1e28437a78a1b},
      {9, 0x0, 0x170bb6bf975b4c02},   {9, 0x1, 0xc35609e49aadbb91},   {9, 0x9e3779b97f4a7c15, 0x9c9a3cd83532d84f},
      {12, 0x0, 0xd52e407833af5133},  {12, 0x1, 0x37851f0d89d23966},  {12, 0x9e3779b97f4a7c15, 0xbcc9f0d616ff9a7b},
      {15, 0x0, 0x1b47cb8243cc8e32},  {15, 0x1, 0x7a94ee016f09b732},  {15, 0x9e3779b97f4a7c15, 0xe2ec50a544faec61},
      {16, 0x0, 0x434850232b787be2},  {16, 0x1, 0xc9681422ce33496d},  {16, 0x9e3779b97f4a7c15, 0x93351859a7286376},
      {23, 0x0, 0x36a34f92fb0205c0},  {23, 0x1, 0x53b8add78893bd21},  {23, 0x9e3779b97f4a7c15, 0x4e389069d2796ff0},
      {24, 0x0, 0xc47c71bd4694ff81},  {24, 0x1, 0x79a8f9770c6f7d00},  {24, 0x9e3779b97f4a7c15, 0x64c7a387e2aed11b},
      {31, 0x0, 0xa2aa5f33cc4a6119},  {31, 0x1, 0xaaca4e41ffcae21c},  {31, 0x9e3779b97f4a7c15, 0x755437271d1d0a84},
      {32, 0x0, 0x23c3c17ef790fd97},  {32, 0x1, 0x7421b79a02b42132},  {32, 0x9e3779b97f4a7c15, 0xbf624b932c090428},
      {33, 0x0, 0x50a7cfc7ba588784},  {33, 0x1, 0x17b3df313de9a40e},  {33, 0x9e3779b97f4a7c15, 0x7aceaf1e9d34ea35},
      {36, 0x0, 0xc0b52b0dcc5e3f7f},  {36, 0x1, 0x2e6895034c467c0b},  {36, 0x9e3779b97f4a7c15, 0xc2143dc58c007451},
      {39, 0x0, 0x880bbeea606e4b37},  {39, 0x1, 0x099749b276e493a2},  {39, 0x9e3779b97f4a7c15, 0xa5164dce04130ff3},
      {40, 0x0, 0xb620306b253d76b6},  {40, 0x1, 0x8c15d7af4fd7bc9f},  {40, 0x9e3779b97f4a7c15, 0x3b3666e250c83a50},
      {44, 0x0, 0xa4b19436ab40edb0},  {44, 0x1, 0xcf56d4c0ed582785},  {44, 0x9e3779b97f4a7c15, 0x322aef2a70d10c86},
      {47, 0x0, 0xa7c5465cc5ad205e},  {47, 0x1, 0x1e2b7421dd5ef0ad},  {47, 0x9e3779b97f4a7c15, 0x230880b9188bee4b},
      {63, 0x0, 0x5e3e54b431c7493c},  {63, 0x1, 0xb1abb4a5ad0e2943},  {63, 0x9e3779b97f4a7c15, 0x2c8ddce5c85d0d9d},
      {64, 0x0, 0x0eb64b3ef6eeb01f},  {64, 0x1, 0x2d0457940c5a93f4},  {64, 0x9e3779b97f4a7c15, 0x4af341f14e3a6fc9},
      {65, 0x0, 0xa383b724b2bd12f1},  {65, 0x1, 0x6153dc23fc8bebd8},  {65, 0x9e3779b97f4a7c15, 0x8e9e580645400102},
      {96, 0x0, 0x3101a958de582e18},  {96, 0x1, 0xe0e8a102f4da14dc},  {96, 0x9e3779b97f4a7c15, 0x57517638f74ee9cc},
      {100, 0x0, 0xa61f8d4c170fe531}, {100, 0x1, 0x8d8957e68f02c7ce}, {100, 0x9e3779b97f4a7c15, 0xf6d8f65c625abb4f},
      {127, 0x0, 0x0c2b3713c3edbeb3}, {127, 0x1, 0x52dbba96aa2e77ee}, {127, 0x9e3779b97f4a7c15, 0xf1e4a677a231980d},
      {128, 0x0, 0x46fbcfbf0150793f}, {128, 0x1, 0x5ac04e5c5f597d75}, {128, 0x9e3779b97f4a7c15, 0x60d4184dd722fddc},
      {129, 0x0, 0x3eb5d118151c8303}, {129, 0x1, 0x436e71db5cf6c17a}, {129, 0x9e3779b97f4a7c15, 0xb28e96b042575d9d},
  };
  std::string bytes;
  for (unsigned i = 0; i != 130; ++i) bytes += static_cast<char>(i * 7 + 3);
  for (auto const& [length, seed, hash] : vectors) {
    CAPTURE(length, seed);
    CHECK(xxh64(std::string_view{bytes}.substr(0, length), seed) == hash);
  }
}

TEST_CASE("xxh64 does not depend on the alignment of the text") {
  std::string const text = "the quick brown fox jumps over the lazy dog, twice";
  auto const expected = xxh64(text);
  for (std::size_t shift = 0; shift != 16; ++shift)
    CHECK(xxh64(std::string_view{std::string(shift, '.') + text}.substr(shift)) == expected);
}

}  // namespace xxh64_test
