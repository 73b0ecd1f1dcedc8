// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/backend_id.hpp>

namespace backend_id_test {
using namespace equipoise;

TEST_CASE("backend_id: ids compare, hash, and convert to false if they cannot be valid") {
  CHECK(!backend_id{});
  CHECK(!backend_id{3, 0});
  CHECK(!backend_id{3, detail::one_generation | 1});
  CHECK(backend_id{3, detail::one_generation});
  CHECK(backend_id{1, detail::one_generation} != backend_id{1, 2 * detail::one_generation});
  CHECK(std::hash<backend_id>{}({1, detail::one_generation}) != std::hash<backend_id>{}({2, detail::one_generation}));
}

}  // namespace backend_id_test
