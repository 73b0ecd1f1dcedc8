// SPDX-License-Identifier: MIT
// The lists of all policies of the library. The registry of names, the laws that every policy is tested for, and the
// benchmarks go through them: adding a policy is one line here.
#pragma once

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/hash_modulo.hpp>
#include <equipoise/policy/ip_hash.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/panic.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/priority_levels.hpp>
#include <equipoise/policy/random.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/shard_map.hpp>
#include <equipoise/policy/slow_start.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/sticky.hpp>
#include <equipoise/policy/subset.hpp>
#include <equipoise/policy/weighted_random.hpp>
#include <equipoise/policy/weighted_round_robin.hpp>
#include <equipoise/policy/zone_aware.hpp>
#include <equipoise/policy/zone_first.hpp>
#include <equipoise/policy/zone_weighted.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A list of policies.
template <class... P>
struct policy_list {};

/// A list of compositions, each a class template around a child policy.
template <template <class> class... C>
struct composition_list {};

/// The policies that decide by themselves.
using standard_policies =
    policy_list<round_robin, weighted_round_robin, smooth_weighted_round_robin, random, weighted_random,
                least_connections, power_of_two, ip_hash, hash_modulo<>, ring_hash<>, maglev<>>;

/// The policies around another policy.
using standard_compositions =
    composition_list<max_in_flight, bounded_load, failover, priority_levels, slow_start, sticky>;

/// The policies that need arguments: policy_registry takes them from a text.
using standard_policies_with_arguments = policy_list<shard_router<shard_map>>;

/// The compositions that need arguments beside the policy inside.
using standard_compositions_with_arguments = composition_list<panic, subset, zone_aware, zone_first, zone_weighted>;

/// Calls f(policy) for each policy of the list, in order.
template <class... P, class F>
void for_each_policy(policy_list<P...>, F&& f) {
  (f(P{}), ...);
}

/// Calls `f.template operator()<C>()` for each composition C of the list, in order.
template <template <class> class... C, class F>
void for_each_composition(composition_list<C...>, F&& f) {
  (f.template operator()<C>(), ...);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
