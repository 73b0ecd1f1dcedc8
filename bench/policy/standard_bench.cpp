// SPDX-License-Identifier: MIT
// The benchmarks that each policy and each composition of policy/standard.hpp gets without a line of its own. A
// policy's own file adds its direct form and what only that policy has.
#include <bench.hpp>

namespace {

bool const added = [] {
  using namespace equipoise;
  for_each_policy(standard_policies{}, []<class P>(P const& policy) {
    for (std::size_t n : bench::up_to(bench::plan_of<P>.largest)) bench::add_policy(policy, n);
    for (std::size_t n : bench::three_sizes)
      bench::add_acquire(policy, {.backends = n, .weighted = bench::plan_of<P>.weighted}, describe(policy), {},
                         bench::plan_of<P>.scans ? 10 : 1'000);
  });
  for_each_composition(standard_compositions{},
                       []<template <class> class C>() { bench::add_composition(C<maglev<>>{maglev{}}); });
  return true;
}();

}  // namespace
