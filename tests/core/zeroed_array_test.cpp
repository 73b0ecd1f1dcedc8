// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/zeroed_array.hpp>

namespace zeroed_array_test {
using namespace equipoise;

TEST_CASE("zeroed_array: it is all zeros and begins at a cache line") {
  for (std::size_t n : {1u, 7u, 1000u}) {
    detail::zeroed_array<std::uint64_t> a{n};
    CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % detail::cache_line == 0);
    CHECK(std::all_of(a.data(), a.data() + n, [](std::uint64_t v) { return v == 0; }));
    for (std::size_t i = 0; i != n; ++i) a[i] = i;
    CHECK(a[n - 1] == n - 1);
  }
}

}  // namespace zeroed_array_test
