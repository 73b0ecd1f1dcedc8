// SPDX-License-Identifier: MIT
// Policies around other policies: what each layer adds to a pick. policy/standard_bench.cpp has each composition around
// maglev.
#include <bench.hpp>

namespace {

bool const added = [] {
  using namespace equipoise;
  bench::add_composition(max_in_flight{round_robin{}});
  bench::add_composition(failover{bounded_load{maglev{}}});
  bench::add_composition(slow_start{round_robin{}});
  bench::add_composition(sticky{round_robin{}});
  bench::add_composition(panic{round_robin{}, panic_action::all});
  bench::add_composition(panic{maglev{}, panic_action::all});
  bench::add_composition(priority_levels{round_robin{}});
  bench::add_composition(zone_aware{"", round_robin{}});
  bench::add_composition(zone_aware{"", maglev{}});
  bench::add_composition(zone_weighted{"", round_robin{}});
  bench::add_composition(zone_weighted{"", maglev{}});
  bench::add_composition(subset{"", round_robin{}, subset_fallback::any});
  return true;
}();

}  // namespace
