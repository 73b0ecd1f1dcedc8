// SPDX-License-Identifier: MIT
// What a type must have to be a policy: a concept to name, and a check that answers a mistake in one plain sentence
// instead of a page of template errors.
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
concept builds_its_table = requires(P const& p, members_view m) {
  { p.build(m) } -> std::same_as<typename P::table>;
};

template <class P, class Call>
using called_with = decltype(with_arguments_of<P>(
    std::declval<P const&>(), std::declval<typename P::table const&>(), std::declval<cursor_of<P>&>(),
    std::declval<pick_state_of<P>&>(), std::declval<pick const&>(), std::declval<key_of_policy<P> const&>(), Call{}));

template <class P>
using proposal_type = called_with<P, call_propose>;

template <class P>
concept gives_an_index = std::integral<proposal_type<P>>;
template <class P>
concept gives_a_proposal = std::convertible_to<proposal_type<P>, proposal> && !gives_an_index<P>;

struct takes_a_key {
  template <class P, class... Arguments>
  auto operator()(P const&, Arguments&...) const {
    return std::bool_constant<(std::same_as<Arguments, key_of_policy<P> const> || ...)>{};
  }
};
struct is_noexcept {
  template <class P, class... Arguments>
  auto operator()(P const& p, Arguments&... arguments) const {
    return std::bool_constant<noexcept(p.propose(arguments...))>{};
  }
};

template <class P>
concept takes_its_key = called_with<P, takes_a_key>::value;
template <class P>
concept promises_noexcept = called_with<P, is_noexcept>::value;

// Of the optional functions that run within a pick, whether those that P has are noexcept.
struct call_start {
  template <class P, class... Arguments>
  auto operator()(P const& p, Arguments&... a) const noexcept(noexcept(p.start(a...))) -> decltype(p.start(a...));
};
struct call_resume {
  template <class P, class... Arguments>
  auto operator()(P const& p, Arguments&... a) const noexcept(noexcept(p.resume(a...))) -> decltype(p.resume(a...));
};
struct call_place {
  template <class P, class... Arguments>
  auto operator()(P const& p, Arguments&... a) const noexcept(noexcept(p.place(a...))) -> decltype(p.place(a...));
};
struct call_remember {
  template <class P, class... Arguments>
  auto operator()(P const& p, Arguments&... a) const noexcept(noexcept(p.remember(a...))) -> decltype(p.remember(a...));
};
template <class Call, class... Arguments>
concept never_throws = !std::is_invocable_v<Call, Arguments...> || std::is_nothrow_invocable_v<Call, Arguments...>;
template <class P>
concept promises_noexcept_of_the_others =
    never_throws<call_start, P const&, typename P::table const&, cursor_of<P>&, random_source&> &&
    never_throws<call_start, P const&, typename P::table const&, members_view&, random_source&> &&
    never_throws<call_resume, P const&, typename P::table const&, cursor_of<P>&> &&
    never_throws<call_resume, P const&, typename P::table const&, cursor_of<P>&, std::uint32_t&, bool&> &&
    never_throws<call_place, P const&, cursor_of<P>&> &&
    never_throws<call_remember, P const&, typename P::table const&, cursor_of<P>&>;

// Whether a function start() or resume() of P is one that a picker calls.
template <class P>
concept start_is_called = !requires { requires std::is_member_function_pointer_v<decltype(&P::start)>; } ||
                          requires(P const& p, typename P::table const& t, cursor_of<P>& c, random_source& random) {
                            p.start(t, c, random);
                          } || requires(P const& p, typename P::table const& t, members_view m, random_source& random) {
                            { p.start(t, m, random) } -> std::convertible_to<cursor_of<P>>;
                          };
template <class P>
concept resume_is_called =
    !requires { requires std::is_member_function_pointer_v<decltype(&P::resume)>; } ||
    requires(P const& p, typename P::table const& t, cursor_of<P>& c) { p.resume(t, c); } ||
    requires(P const& p, typename P::table const& t, cursor_of<P>& c) { p.resume(t, c, p.place(c), true); };

}  // namespace detail

/// Returns true, or is a compile error that says what the policy lacks. Every balancer checks its policy.
template <class P>
consteval bool check_policy() {
  if constexpr (!requires { typename P::table; }) {
    static_assert(
        requires { typename P::table; },
        "equipoise: a policy needs a type `table`: what it builds from the members (an empty struct will do)");
  } else if constexpr (!std::default_initializable<typename P::table> || !std::move_constructible<typename P::table>) {
    static_assert(std::default_initializable<typename P::table> && std::move_constructible<typename P::table>,
                  "equipoise: a policy's `table` must have a default constructor and be movable");
  } else if constexpr (!requires { typename P::cursor; }) {
    static_assert(
        requires { typename P::cursor; },
        "equipoise: a policy needs a type `cursor`: what one worker remembers (an empty struct will do)");
  } else if constexpr (!std::copyable<typename P::cursor> || !std::default_initializable<typename P::cursor>) {
    static_assert(std::copyable<typename P::cursor> && std::default_initializable<typename P::cursor>,
                  "equipoise: a policy's `cursor` must be default-constructible and copyable: explain works on a copy");
  } else if constexpr (!detail::has_build<P>) {
    static_assert(detail::has_build<P>, "equipoise: a policy needs `table build(equipoise::members_view) const`");
  } else if constexpr (!detail::builds_its_table<P>) {
    static_assert(detail::builds_its_table<P>, "equipoise: a policy's build() must return the policy's `table`");
  } else if constexpr (std::same_as<detail::proposal_type<P>, detail::no_signature_fits>) {
    static_assert(!std::same_as<detail::proposal_type<P>, detail::no_signature_fits>,
                  "equipoise: a policy needs `proposal propose(table const&, cursor&, [pick_state&,] pick const& [, "
                  "key_type const&]) const noexcept`");
  } else if constexpr (detail::gives_an_index<P>) {
    static_assert(!detail::gives_an_index<P>,
                  "equipoise: a policy proposes a member, not an index: return &k.members[i], or nullptr for none");
  } else if constexpr (!detail::gives_a_proposal<P>) {
    static_assert(
        detail::gives_a_proposal<P>,
        "equipoise: a policy's propose() must return an equipoise::proposal: a pointer to a member, or nullptr");
  } else if constexpr (!detail::promises_noexcept<P>) {
    static_assert(detail::promises_noexcept<P>,
                  "equipoise: a policy's propose() must be noexcept: a pick never throws");
  } else if constexpr (!detail::promises_noexcept_of_the_others<P>) {
    static_assert(detail::promises_noexcept_of_the_others<P>,
                  "equipoise: a policy's start(), resume(), place() and remember() must be noexcept: they run within a "
                  "pick");
  } else if constexpr (!detail::start_is_called<P>) {
    static_assert(detail::start_is_called<P>,
                  "equipoise: a policy's start() is `cursor start(table const&, members_view, random_source&) const "
                  "noexcept` or `void start(table const&, cursor&, random_source&) const noexcept`");
  } else if constexpr (!detail::resume_is_called<P>) {
    static_assert(detail::resume_is_called<P>,
                  "equipoise: a policy's resume() is `void resume(table const&, cursor&) const noexcept`, or, beside a "
                  "place(), `void resume(table const&, cursor&, std::uint32_t place, bool is_same) const noexcept`");
  } else if constexpr (detail::tries_of<P>() == 0) {
    static_assert(detail::tries_of<P>() != 0,
                  "equipoise: a policy's `tries` is 0: it counts the first proposal too, so the least is 1");
  } else if constexpr (!std::is_trivially_copyable_v<key_of_policy<P>>) {
    static_assert(
        std::is_trivially_copyable_v<key_of_policy<P>>,
        "equipoise: a policy's `key_type` must be trivially copyable (a number, a view of a text): picks copy it");
  } else if constexpr (keyed<P> && !detail::takes_its_key<P>) {
    static_assert(detail::takes_its_key<P>,
                  "equipoise: a policy with a `key_type` must take the key as the last argument of propose()");
  }
  return true;
}

/// A type that can be the policy of a balancer. Of a type that is none, check_policy says why.
template <class P>
concept policy =
    requires {
      typename P::table;
      typename P::cursor;
    } && std::default_initializable<typename P::table> && std::move_constructible<typename P::table> &&
    std::copyable<typename P::cursor> && std::default_initializable<typename P::cursor> &&
    detail::builds_its_table<P> && detail::gives_a_proposal<P> && detail::promises_noexcept<P> &&
    detail::promises_noexcept_of_the_others<P> && detail::start_is_called<P> && detail::resume_is_called<P> &&
    (detail::tries_of<P>() != 0) && std::is_trivially_copyable_v<key_of_policy<P>> &&
    (!keyed<P> || detail::takes_its_key<P>);

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
