// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/detail/probe.hpp>

namespace probe_test {
using namespace equipoise;

TEST_CASE("probe: the sequence of a key begins with the key and is the same each time") {
  for (std::uint64_t key : {0ull, 1ull, 0xFFFFFFFFFFFFFFFFull}) {
    detail::probe a, b;
    CHECK(a.next(key) == key);
    CHECK(b.next(key) == key);
    for (int i = 0; i != 100; ++i) CHECK(a.next(key) == b.next(key));
  }
}

TEST_CASE("probe: the numbers of a sequence are spread evenly") {
  std::vector<std::size_t> count(16);
  for (std::uint64_t key = 0; key != 1000; ++key) {
    detail::probe p;
    p.next(mix(key));
    for (int i = 0; i != 10; ++i) ++count[p.next(mix(key)) >> 60];
  }
  CHECK(chi_square(count) < 1);
}

}  // namespace probe_test
