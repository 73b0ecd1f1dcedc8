// SPDX-License-Identifier: MIT
// The lists of <equipoise/policy/standard.hpp> as types for TEMPLATE_LIST_TEST_CASE. A policy that is added there is
// tested without another line. A test that does not hold for some policies names them as exceptions.
#pragma once

#include "support.hpp"

#include <equipoise/policy/standard.hpp>

#include <tuple>

namespace policy_lists {

template <bool Taken, class P>
using one_or_none = std::conditional_t<Taken, std::tuple<P>, std::tuple<>>;

template <class List>
struct divided;
template <class... P>
struct divided<equipoise::policy_list<P...>> {
  using all = std::tuple<P...>;
  using unkeyed = decltype(std::tuple_cat(one_or_none<!equipoise::keyed<P>, P>{}...));
  using keyed = decltype(std::tuple_cat(one_or_none<equipoise::keyed<P>, P>{}...));
};

template <class T, class... List>
inline constexpr bool is_one_of = (std::same_as<T, List> || ...);

template <class Types, class T>
inline constexpr bool contains = false;
template <class... P, class T>
inline constexpr bool contains<std::tuple<P...>, T> = is_one_of<T, P...>;

template <class Types, class... Exceptions>
struct without;
template <class... P, class... Exceptions>
struct without<std::tuple<P...>, Exceptions...> {
  static_assert((is_one_of<Exceptions, P...> && ...), "an exception is not in the list");
  using type = decltype(std::tuple_cat(one_or_none<!is_one_of<P, Exceptions...>, P>{}...));
};

}  // namespace policy_lists

// Every standard policy, and the two halves of the list.
using every_policy = policy_lists::divided<equipoise::standard_policies>::all;
using unkeyed_policies = policy_lists::divided<equipoise::standard_policies>::unkeyed;
using keyed_policies = policy_lists::divided<equipoise::standard_policies>::keyed;

// A list without the policies for which a test does not hold.
template <class List, class... Exceptions>
using except = typename policy_lists::without<List, Exceptions...>::type;

// Calls f.template operator()<C>() for each standard composition C.
template <class F>
void for_each_standard_composition(F&& f) {
  equipoise::for_each_composition(equipoise::standard_compositions{}, f);
}
