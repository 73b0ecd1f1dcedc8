// SPDX-License-Identifier: MIT
// What an explanation costs, in microseconds. It is made for operators and status pages, not for every pick.
#include <bench.hpp>

namespace {

template <class P>
void explain(P const& policy, std::size_t n) {
  bench::add(bench::name_of("explain", equipoise::describe(policy), n), [=](benchmark::State& state) {
    auto picker = bench::balancer_for(policy, {.backends = n}).make_picker();
    for (auto _ : state) {
      if constexpr (equipoise::keyed<P>)
        benchmark::DoNotOptimize(picker.explain(std::uint64_t{42}).text());
      else
        benchmark::DoNotOptimize(picker.explain().text());
    }
  })->Unit(benchmark::kMicrosecond);
}

bool const added = [] {
  for (std::size_t n : bench::three_sizes) {
    explain(equipoise::round_robin{}, n);
    explain(equipoise::least_connections{}, n);
    explain(equipoise::maglev{}, n);
  }
  return true;
}();

}  // namespace
