// SPDX-License-Identifier: MIT
// What the models of passive health share: a pool of a few members, and memory of Relacy for the detectors' numbers.
#pragma once

#include <equipoise/health/detail/half_open.hpp>

#include "model.hpp"

using equipoise::backend_id;
using equipoise::health_flag;
using equipoise::detail::ejection_orders;

constexpr std::uint32_t members = 2;
constexpr std::uint32_t first_tag = equipoise::detail::one_generation, second_tag = 2 * first_tag,
                        third_tag = 3 * first_tag;

template <class Orders>
struct model_memory {
  template <class T>
  using atomic = model::relacy_atomic<T>;
  template <class T>
  using plain = model::plain<T>;
  template <class T>
  struct array {
    explicit array(std::uint32_t) {}
    T& operator[](std::uint32_t i) { return all[i]; }
    T all[members];
  };
  using orders = Orders;
};

// A word for each slot: the tag of the membership, and whether it is ejected in the lowest bit. 0 after the member has
// left. Relaxed, so that the detectors' own orders are what a model tests. `limit` members may be out.
struct model_pool {
  model::relacy_atomic<std::uint32_t> words[members];
  model::relacy_atomic<std::uint32_t> out;
  std::uint32_t limit = members;

  std::uint32_t slots() const { return members; }
  health_flag health(backend_id id) {
    std::uint32_t const word = words[id.slot].load(std::memory_order::relaxed);
    return (word & ~1u) != id.tag ? health_flag::removed : (word & 1) != 0 ? health_flag::ejected : health_flag::none;
  }
  bool set(backend_id id, health_flag) {
    std::uint32_t word = words[id.slot].load(std::memory_order::relaxed);
    do
      if ((word & ~1u) != id.tag) return false;
    while (
        !words[id.slot].compare_exchange_weak(word, word | 1, std::memory_order::relaxed, std::memory_order::relaxed));
    if ((word & 1) == 0) RL_ASSERT(out.fetch_add(1, std::memory_order::relaxed) < limit);
    return true;
  }
  bool clear(backend_id id, health_flag) {
    std::uint32_t word = words[id.slot].load(std::memory_order::relaxed);
    if (word == (id.tag | 1)) out.fetch_sub(1, std::memory_order::relaxed);  // before, so that it is never too high
    do
      if ((word & ~1u) != id.tag) return false;
    while (!words[id.slot].compare_exchange_weak(word, word & ~1u, std::memory_order::relaxed,
                                                 std::memory_order::relaxed));
    return true;
  }
  void remove(std::uint32_t slot) { words[slot].exchange(0, std::memory_order::relaxed); }
  bool is_ejected(std::uint32_t slot) { return (words[slot].load(std::memory_order::relaxed) & 1) != 0; }
};

struct claim_relaxed : ejection_orders {
  static constexpr auto claim = std::memory_order::relaxed;
};
struct give_relaxed : ejection_orders {
  static constexpr auto give = std::memory_order::relaxed;
};
struct look_relaxed : ejection_orders {
  static constexpr auto look = std::memory_order::relaxed;
};
struct change_relaxed : ejection_orders {
  static constexpr auto change = std::memory_order::relaxed;
};
struct settle_relaxed : ejection_orders {
  static constexpr auto settle = std::memory_order::relaxed;
};
struct push_relaxed : ejection_orders {
  static constexpr auto push = std::memory_order::relaxed;
};
struct take_relaxed : ejection_orders {
  static constexpr auto take = std::memory_order::relaxed;
};
