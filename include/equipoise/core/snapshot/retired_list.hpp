// SPDX-License-Identifier: MIT
// Lists of nodes that own each other through a member `owned<Node> next`, newest first. Retired snapshots,
// removed records and reclaimed memory wait in them. Linking allocates nothing, so it cannot fail after the point of no
// return.
#pragma once

#include <equipoise/core/ownership.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class Node>
void push(owned<Node>& list, owned<Node> node) noexcept {
  node->next = std::move(list);
  list = std::move(node);
}

// Removes and returns the first node. The list must not be empty.
template <class Node>
owned<Node> pop(owned<Node>& list) noexcept {
  auto node = std::move(list);
  list = std::move(node->next);
  return node;
}

// Moves the nodes for which `wanted` is true.
template <class Node, class Predicate>
void move_if(owned<Node>& from, owned<Node>& to, Predicate wanted) noexcept {
  for (auto* link = &from; *link != nullptr;) {
    if (wanted(**link))
      push(to, pop(*link));
    else
      link = &(*link)->next;
  }
}

template <class Node>
std::size_t length(owned<Node> const& list) noexcept {
  std::size_t n = 0;
  for (auto const* node = list.get(); node != nullptr; node = node->next.get()) ++n;
  return n;
}

// Destroys the nodes one after the other: a recursive destructor would need stack space for each.
template <class Node>
void destroy_all(owned<Node>& list) noexcept {
  while (list != nullptr) list = std::move(list->next);
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
