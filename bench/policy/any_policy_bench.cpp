// SPDX-License-Identifier: MIT
// What any_policy, which erases the type of a policy, adds to a pick.
#include <bench.hpp>

namespace {

bool const added = [] {
  for (equipoise::any_policy const& policy :
       {equipoise::any_policy{equipoise::round_robin{}}, equipoise::any_policy{equipoise::maglev{}}})
    for (std::size_t n : bench::sizes{100, 10'000})
      bench::add_select(policy, {.backends = n}, "any_policy{" + policy.describe() + "}");
  return true;
}();

}  // namespace
