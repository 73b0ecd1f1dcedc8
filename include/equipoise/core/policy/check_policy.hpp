// A mistake in a policy, answered in one plain sentence instead of a page of template errors.
//
//   static_assert(equipoise::check_policy<my_policy>());
#pragma once

#include <equipoise/core/policy/policy_driver.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

template <class P>
concept has_build = requires(P const& p, members_view m) { p.build(m); };
template <class P>
concept builds_its_table = requires(P const& p, members_view m) { { p.build(m) } -> std::same_as<typename P::table>; };

template <class P>
using proposal_type = decltype(asked<P>(std::declval<P const&>(), std::declval<typename P::table const&>(),
                                        std::declval<cursor_of<P>&>(), std::declval<pick_state_of<P>&>(),
                                        std::declval<pick const&>(), std::declval<key_of_policy<P> const&>()));

template <class P>
concept gives_an_index = std::integral<proposal_type<P>>;
template <class P>
concept gives_a_proposal = std::convertible_to<proposal_type<P>, proposal> && !gives_an_index<P>;

template <class P>
concept takes_its_key = requires(P const& p, typename P::table const& t, cursor_of<P>& c, pick_state_of<P>& w, pick const& k,
                                 key_of_policy<P> const& key) { p.propose(t, c, w, k, key); } ||
                        requires(P const& p, typename P::table const& t, cursor_of<P>& c, pick const& k,
                                 key_of_policy<P> const& key) { p.propose(t, c, k, key); };

template <class P>
concept promises_noexcept =
    requires(P const& p, typename P::table const& t, cursor_of<P>& c, pick_state_of<P>& w, pick const& k, key_of_policy<P> const& key) {
      { p.propose(t, c, w, k, key) } noexcept;
    } || requires(P const& p, typename P::table const& t, cursor_of<P>& c, pick const& k, key_of_policy<P> const& key) {
      { p.propose(t, c, k, key) } noexcept;
    } || requires(P const& p, typename P::table const& t, cursor_of<P>& c, pick_state_of<P>& w, pick const& k) {
      { p.propose(t, c, w, k) } noexcept;
    } || requires(P const& p, typename P::table const& t, cursor_of<P>& c, pick const& k) {
      { p.propose(t, c, k) } noexcept;
    };

}  // namespace detail

// True, or a compile error that says what is missing. Checked by every balancer.
template <class P>
consteval bool check_policy() {
  if constexpr (!requires { typename P::table; }) {
    static_assert(requires { typename P::table; },
                  "equipoise: a policy needs a type `table`: what it builds from the members (an empty struct will do)");
  } else if constexpr (!std::default_initializable<typename P::table> || !std::move_constructible<typename P::table>) {
    static_assert(std::default_initializable<typename P::table> && std::move_constructible<typename P::table>,
                  "equipoise: a policy's `table` must have a default constructor and be movable");
  } else if constexpr (!requires { typename P::cursor; }) {
    static_assert(requires { typename P::cursor; },
                  "equipoise: a policy needs a type `cursor`: what one worker remembers (an empty struct will do)");
  } else if constexpr (!std::copyable<typename P::cursor> || !std::default_initializable<typename P::cursor>) {
    static_assert(std::copyable<typename P::cursor> && std::default_initializable<typename P::cursor>,
                  "equipoise: a policy's `cursor` must be default-constructible and copyable: explain walks on a copy");
  } else if constexpr (!detail::has_build<P>) {
    static_assert(detail::has_build<P>, "equipoise: a policy needs `table build(equipoise::members_view) const`");
  } else if constexpr (!detail::builds_its_table<P>) {
    static_assert(detail::builds_its_table<P>, "equipoise: a policy's build() must return the policy's `table`");
  } else if constexpr (std::same_as<detail::proposal_type<P>, detail::no_signature_fits>) {
    static_assert(!std::same_as<detail::proposal_type<P>, detail::no_signature_fits>,
                  "equipoise: a policy needs `proposal propose(table const&, cursor&, [pick_state&,] pick const& [, key_type "
                  "const&]) const noexcept`");
  } else if constexpr (detail::gives_an_index<P>) {
    static_assert(!detail::gives_an_index<P>,
                  "equipoise: a policy proposes a member, not an index: return &k.members[i], or nullptr for nobody");
  } else if constexpr (!detail::gives_a_proposal<P>) {
    static_assert(detail::gives_a_proposal<P>,
                  "equipoise: a policy's propose() must return an equipoise::proposal: a pointer to a member, or nullptr");
  } else if constexpr (!detail::promises_noexcept<P>) {
    static_assert(detail::promises_noexcept<P>, "equipoise: a policy's propose() must be noexcept: a pick never throws");
  } else if constexpr (detail::tries_of<P>() == 0) {
    static_assert(detail::tries_of<P>() != 0, "equipoise: a policy's `tries` is 0: its first proposal counts, too");
  } else if constexpr (!std::is_trivially_copyable_v<key_of_policy<P>>) {
    static_assert(std::is_trivially_copyable_v<key_of_policy<P>>,
                  "equipoise: a policy's `key_type` must be trivially copyable (a number, a view of a text): picks copy it");
  } else if constexpr (keyed<P> && !detail::takes_its_key<P>) {
    static_assert(detail::takes_its_key<P>, "equipoise: a policy with a `key_type` must take the key as the last "
                                            "argument of propose()");
  }
  return true;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
