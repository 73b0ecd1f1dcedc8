// SPDX-License-Identifier: MIT
// A hash index of nodes by their key. The nodes hold the links, so they stay where they are and only make_room()
// allocates.
#pragma once

#include <equipoise/core/config.hpp>

#include <string>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Node has a text `key` and `Node* next_in_bucket`. The keys of indexed nodes differ, and they do not change.
template <class Node>
class key_index {
 public:
  std::size_t size() const noexcept { return size_; }

  // The node with that key, or null. O(1) on average.
  Node* find(std::string_view key) const noexcept {
    Node* n = size_ != 0 ? buckets_[bucket(key)] : nullptr;
    while (n != nullptr && n->key != key) n = n->next_in_bucket;
    return n;
  }

  // Makes room for `count` nodes in all. If it throws, nothing has changed.
  void make_room(std::size_t count) {
    if (count <= buckets_.size()) return;
    std::size_t doubled = 16;
    while (doubled < count) doubled *= 2;
    std::vector<Node*> old(doubled);
    old.swap(buckets_);
    for (Node* n : old)
      while (n != nullptr) {
        Node& moved = *n;
        n = n->next_in_bucket;
        link(moved);
      }
  }

  // There must be room for the node.
  void insert(Node& n) noexcept {
    link(n);
    ++size_;
  }

  // Does nothing if the node is not in the index.
  void erase(Node const& n) noexcept {
    if (size_ == 0) return;
    Node** at = &buckets_[bucket(n.key)];
    while (*at != nullptr && *at != &n) at = &(*at)->next_in_bucket;
    if (*at == nullptr) return;
    *at = n.next_in_bucket;
    --size_;
  }

 private:
  std::size_t bucket(std::string_view key) const noexcept {
    return std::hash<std::string_view>{}(key) & (buckets_.size() - 1);
  }
  void link(Node& n) noexcept {
    Node*& first = buckets_[bucket(n.key)];
    n.next_in_bucket = first;
    first = &n;
  }

  std::vector<Node*> buckets_;  // a power of two, or none yet
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
