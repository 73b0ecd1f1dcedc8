// SPDX-License-Identifier: MIT
// What a policy is: a generator of proposals. It never decides alone. The picker tests the backend's health, skips what
// is excluded, takes the lease, counts and explains, so no policy can forget a health test.
//
//   struct first_come {
//     struct table {};
//     struct cursor {};
//     table build(equipoise::members_view) const { return {}; }
//     equipoise::proposal propose(table const&, cursor&, equipoise::pick const& k) const noexcept {
//       return k.members.empty() ? nullptr : &k.members[0];
//     }
//   };
#pragma once

#include <equipoise/core/policy/parameter.hpp>
#include <equipoise/core/policy/pick.hpp>
#include <equipoise/core/random_source.hpp>

#include <concepts>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The key of policies that need none.
struct no_key {};

namespace detail {
template <class P>
struct policy_key {
  using type = no_key;
};
template <class P>
  requires requires { typename P::key_type; }
struct policy_key<P> {
  using type = typename P::key_type;
};
}  // namespace detail

/// What P is asked with: its key_type, or no_key.
template <class P>
using key_of_policy = typename detail::policy_key<P>::type;

/// A policy that demands a key.
template <class P>
concept keyed = !std::same_as<key_of_policy<P>, no_key>;

/// A policy whose key may be left out, because a name at run time decides whether it is needed.
template <class P>
concept optionally_keyed = keyed<P> && requires { requires P::key_type::optional; };

/// A policy around another policy, which it owns as its member `child`, or erases and then says `is_composition =
/// true`. Its propose() is already finite, and proposes each member at most a few times.
template <class P>
concept composition = requires(P const& p) { p.child; } || requires { requires P::is_composition; };

/// Whether the policy's table also holds unhealthy members, so that a key keeps its owner while that is down. True of
/// keyed policies, unless they say otherwise with a member function of this name.
template <class P>
constexpr bool includes_unhealthy(P const& policy) noexcept {
  if constexpr (requires { policy.includes_unhealthy(); })
    return policy.includes_unhealthy();
  else if constexpr (composition<P>)
    return includes_unhealthy(policy.child);
  else
    return keyed<P>;
}

/// Whether the policy prefers backends with little work in flight. A leaf says so with a constant `compares_loads =
/// true`; a composition asks its child.
template <class P>
constexpr bool is_load_aware([[maybe_unused]] P const& policy) noexcept {
  if constexpr (requires { policy.is_load_aware(); })
    return policy.is_load_aware();
  else if constexpr (requires { policy.child; })
    return is_load_aware(policy.child);
  else
    return requires { requires P::compares_loads; };
}

/// Whether a pick without a key is `refused`. A composition asks its child: a policy that is chosen at run time knows
/// it only then.
template <class P>
constexpr bool needs_key(P const& policy) noexcept {
  if constexpr (requires { policy.needs_key(); })
    return policy.needs_key();
  else if constexpr (composition<P>)
    return needs_key(policy.child);
  else
    return keyed<P> && !optionally_keyed<P>;
}

namespace detail {
template <class P>
consteval bool counts_weights() {
  if constexpr (requires { P::counts_weights; })
    return P::counts_weights;
  else
    return !composition<P>;
}
}  // namespace detail

/// The attributes of backends that a policy reads. To set another one has no effect.
struct attributes_read {
  bool weight = false, priority = false, zone = false;
};

/// What P reads. It says so with a function attributes_read(), or with constants `counts_weights` and
/// `reads_priorities`. A leaf that does not say otherwise reads weights; a composition reads what its member `child`
/// reads, too.
template <class P>
constexpr attributes_read attributes_read_by(P const& policy) noexcept {
  if constexpr (requires { policy.attributes_read(); }) {
    return policy.attributes_read();
  } else {
    struct attributes_read read;
    if constexpr (requires { policy.child; }) read = attributes_read_by(policy.child);
    read.weight = read.weight || detail::counts_weights<P>();
    if constexpr (requires { P::reads_priorities; }) read.priority = read.priority || P::reads_priorities;
    return read;
  }
}

/// The kinds that a key may be of. None of them: a policy without a key, or with a key of its own type.
struct key_kinds {
  bool text = false, number = false, address = false;
};

/// A policy as policy_registry reads it: `failover{bounded_load{maglev, factor=1.5}}`. Parameters that have their
/// preset values are left out. "the policy" if it has no name.
template <class P>
std::string describe(P const& policy) {
  if constexpr (requires { policy.describe(); }) {
    return policy.describe();
  } else if constexpr (requires { P::name; }) {
    std::string inside;
    if constexpr (composition<P>) inside = describe(policy.child);
    if constexpr (detail::has_parameters<P>) detail::write_parameters(inside, P::parameters, &policy);
    return inside.empty() ? std::string{P::name} : detail::joined({P::name, "{", inside, "}"});
  } else {
    return "the policy";
  }
}

/// What the policy makes of a key, as explain() shows it: policy.describe_key(key), that of its member `child`, or
/// to_string(key); otherwise nothing. Allocates.
template <class P>
std::string describe_key(P const& policy, [[maybe_unused]] key_of_policy<P> const& key) {
  if constexpr (requires { policy.describe_key(key); })
    return policy.describe_key(key);
  else if constexpr (requires { describe_key(policy.child, key); })
    return describe_key(policy.child, key);
  else if constexpr (requires { to_string(key); })
    return to_string(key);
  else
    return {};
}

/// A base class that passes the child's key_type on to the composition that owns it.
template <class P>
struct with_key_of {};
template <keyed P>
struct with_key_of<P> {
  using key_type = typename P::key_type;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
