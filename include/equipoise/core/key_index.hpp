// SPDX-License-Identifier: MIT
// A hash index of nodes by their key. The nodes hold the links, so they stay where they are and only make_room()
// allocates. It grows by one bucket at a time (linear hashing), so no insertion takes long.
#pragma once

#include <equipoise/core/config.hpp>

#include <string>
#include <utility>
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
    Node* n = used_ != 0 ? buckets_[bucket(key)] : nullptr;
    while (n != nullptr && n->key != key) n = n->next_in_bucket;
    return n;
  }

  // Makes room for `count` nodes in all. If it throws, nothing has changed.
  void make_room(std::size_t count) {
    auto room = more_room(count);
    take_room(room);
  }
  // The same in two steps, the first of which changes nothing.
  std::vector<Node*> more_room(std::size_t count) const {
    std::vector<Node*> room;
    if (count <= buckets_.size()) return room;
    std::size_t doubled = 16;
    while (doubled < count) doubled *= 2;
    room.reserve(doubled);
    room = buckets_;
    room.resize(doubled);
    return room;
  }
  void take_room(std::vector<Node*>& room) noexcept {
    if (!room.empty()) room.swap(buckets_);
  }

  // There must be room for the node.
  void insert(Node& n) noexcept {
    if (size_ == used_) split();
    link(n);
    ++size_;
  }

  // Does nothing if the node is not in the index.
  void erase(Node const& n) noexcept {
    if (used_ == 0) return;
    Node** at = &buckets_[bucket(n.key)];
    while (*at != nullptr && *at != &n) at = &(*at)->next_in_bucket;
    if (*at == nullptr) return;
    *at = n.next_in_bucket;
    --size_;
  }

 private:
  // The buckets of one doubling are split one after the other; a bucket that is not there yet is still part of its
  // older half.
  std::size_t bucket(std::string_view key) const noexcept {
    std::size_t const h = std::hash<std::string_view>{}(key), i = h & (2 * half_ - 1);
    return i < used_ ? i : h & (half_ - 1);
  }
  void link(Node& n) noexcept {
    Node*& first = buckets_[bucket(n.key)];
    n.next_in_bucket = first;
    first = &n;
  }
  void split() noexcept {
    if (used_ == 2 * half_) half_ = used_;
    Node* n = used_++ != 0 ? std::exchange(buckets_[used_ - 1 - half_], nullptr) : nullptr;
    while (n != nullptr) link(*std::exchange(n, n->next_in_bucket));
  }

  std::vector<Node*> buckets_;
  std::size_t used_ = 0;  // buckets that hold nodes
  std::size_t half_ = 1;  // a power of two: half_ < used_ <= 2 × half_, but for the first two buckets
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
