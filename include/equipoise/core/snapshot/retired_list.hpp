// Chains: nodes that own each other by a member `std::unique_ptr<Node> next`. What is retired, has left or is doomed waits in
// one; linking allocates nothing, so it cannot fail where nothing may fail any more. The first is the one that came last.
#pragma once

#include <equipoise/core/config.hpp>

#include <memory>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class Node>
void push(std::unique_ptr<Node>& chain, std::unique_ptr<Node> node) noexcept {
  node->next = std::move(chain);
  chain = std::move(node);
}

// Takes the first one off; there must be one.
template <class Node>
std::unique_ptr<Node> pop(std::unique_ptr<Node>& chain) noexcept {
  auto node = std::move(chain);
  chain = std::move(node->next);
  return node;
}

// Moves those of whom `wanted` is true.
template <class Node, class Predicate>
void move_if(std::unique_ptr<Node>& from, std::unique_ptr<Node>& to, Predicate wanted) noexcept {
  for (auto* link = &from; *link != nullptr;) {
    if (wanted(**link))
      push(to, pop(*link));
    else
      link = &(*link)->next;
  }
}

template <class Node>
std::size_t length(std::unique_ptr<Node> const& chain) noexcept {
  std::size_t n = 0;
  for (auto const* node = chain.get(); node != nullptr; node = node->next.get()) ++n;
  return n;
}

// One by one: a recursive destructor would need stack for each.
template <class Node>
void destroy_all(std::unique_ptr<Node>& chain) noexcept {
  while (chain != nullptr) chain = std::move(chain->next);
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
