// SPDX-License-Identifier: MIT
// Mistakes in the arguments of a pick, each with a sentence instead of the compiler's list of candidates.
#pragma once

#include <equipoise/core/pick_options.hpp>
#include <equipoise/core/policy/policy.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class Argument>
concept options_argument = std::convertible_to<Argument const&, pick_options const&>;

// Without arguments a pick has the usual options.
template <class P, class First = pick_options, class... Others>
struct call_mistake {
  static constexpr bool is_options = options_argument<First>;
  static constexpr bool needs_key = is_options && keyed<P> && !optionally_keyed<P>;
  static constexpr bool takes_none = !is_options && !keyed<P>;
  static constexpr bool is_null = keyed<P> && std::same_as<First, std::nullptr_t>;
  static constexpr bool is_of_another_kind =
      keyed<P> && !is_options && !is_null && !std::convertible_to<First const&, key_of_policy<P>>;
};

// Whether a pick of P cannot be asked with these arguments.
template <class P, class... Arguments>
concept mistaken_call = call_mistake<P, Arguments...>::needs_key || call_mistake<P, Arguments...>::takes_none ||
                        call_mistake<P, Arguments...>::is_null || call_mistake<P, Arguments...>::is_of_another_kind;

// The same for select_n(): its first argument may be where the ids go.
template <class First>
concept ids_argument = std::convertible_to<First, array_view<backend_id const>>;
template <class First>
concept constant_ids = ids_argument<First> && !std::convertible_to<First, array_view<backend_id>>;
template <class P, class First>
concept mistaken_select_n = constant_ids<First> || (ids_argument<First> && mistaken_call<P>) ||
                            (!ids_argument<First> && mistaken_call<P, std::remove_cvref_t<First>>);

// Says why.
template <class P, class... Arguments>
constexpr void name_mistake() noexcept {
  using mistake = call_mistake<P, Arguments...>;
  static_assert(!mistake::needs_key, "equipoise: this policy needs a key, as the first argument");
  static_assert(!mistake::takes_none, "equipoise: this policy takes no key; the argument may be pick_options");
  static_assert(!mistake::is_null, "equipoise: null is not a key");
  static_assert(!mistake::is_of_another_kind,
                "equipoise: this policy's key_type cannot be made of this argument; equipoise::address::parse() makes "
                "an address of a text");
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
