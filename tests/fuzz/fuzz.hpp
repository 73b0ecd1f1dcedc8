// SPDX-License-Identifier: MIT
// What the fuzz targets share: a reader of the input, and a check that stays on in every build.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace fuzz {

// Ends the program, which is how libFuzzer and the replay learn of a finding.
[[noreturn]] inline void report(char const* claim, char const* file, int line) {
  std::fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, claim);
  std::abort();
}

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): the message needs the claim as text
#define FUZZ_CHECK(...) ((__VA_ARGS__) ? void() : fuzz::report(#__VA_ARGS__, __FILE__, __LINE__))

inline std::string_view text_of(std::uint8_t const* data, std::size_t size) {
  return size == 0 ? std::string_view{} : std::string_view{reinterpret_cast<char const*>(data), size};
}

// Reads decisions from the input. After its end every decision is 0.
class bytes {
 public:
  bytes(std::uint8_t const* data, std::size_t size) : left_{data, size} {}

  bool at_end() const { return left_.empty(); }

  std::uint8_t next() {
    if (left_.empty()) return 0;
    std::uint8_t const b = left_.front();
    left_ = left_.subspan(1);
    return b;
  }
  // A number of 0 … n − 1, from one byte.
  std::uint32_t below(std::uint32_t n) { return next() % n; }
  bool flip() { return (next() & 1) != 0; }
  std::uint64_t number(std::size_t size = 8) {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i != size; ++i) n = n << 8 | next();
    return n;
  }
  std::string text(std::size_t size) {
    size = std::min(size, left_.size());
    std::string const t{reinterpret_cast<char const*>(left_.data()), size};
    left_ = left_.subspan(size);
    return t;
  }

 private:
  std::span<std::uint8_t const> left_;
};

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
