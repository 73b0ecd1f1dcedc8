// SPDX-License-Identifier: MIT
// The orders of the shipped protocols with one order weaker in each. Each of them must break a model.
#pragma once

#include "model.hpp"

using equipoise::detail::lease_orders;
using equipoise::detail::publication_orders;

// How objects are freed: when no list holds them, and when nothing leases them. The mutants free them earlier.
struct waits_before_freeing {
  static constexpr bool waits_for_lists = true;
  static constexpr bool waits_for_zero = true;
  using publication_orders = equipoise::detail::publication_orders;
  using lease_orders = equipoise::detail::lease_orders;
};

struct announce_acq_rel : lease_orders {
  static constexpr auto announce = std::memory_order::acq_rel;
};
struct announce_relaxed : lease_orders {
  static constexpr auto announce = std::memory_order::relaxed;
};
struct validate_acquire : lease_orders {
  static constexpr auto validate = std::memory_order::acquire;
};
struct validate_relaxed : lease_orders {
  static constexpr auto validate = std::memory_order::relaxed;
};
struct mark_acq_rel : lease_orders {
  static constexpr auto mark = std::memory_order::acq_rel;
};
struct mark_relaxed : lease_orders {
  static constexpr auto mark = std::memory_order::relaxed;
};
struct zero_test_acquire : lease_orders {
  static constexpr auto zero_test = std::memory_order::acquire;
};
struct zero_test_relaxed : lease_orders {
  static constexpr auto zero_test = std::memory_order::relaxed;
};
struct give_relaxed : lease_orders {
  static constexpr auto give = std::memory_order::relaxed;
};

struct exchange_acq_rel : publication_orders {
  static constexpr auto exchange = std::memory_order::acq_rel;
};
struct exchange_relaxed : publication_orders {
  static constexpr auto exchange = std::memory_order::relaxed;
};
struct protect_release : publication_orders {
  static constexpr auto protect = std::memory_order::release;
};
struct protect_relaxed : publication_orders {
  static constexpr auto protect = std::memory_order::relaxed;
};
struct look_again_acquire : publication_orders {
  static constexpr auto look_again = std::memory_order::acquire;
};
struct look_again_relaxed : publication_orders {
  static constexpr auto look_again = std::memory_order::relaxed;
};
struct scan_acquire : publication_orders {
  static constexpr auto scan = std::memory_order::acquire;
};
struct scan_relaxed : publication_orders {
  static constexpr auto scan = std::memory_order::relaxed;
};
struct let_go_relaxed : publication_orders {
  static constexpr auto let_go = std::memory_order::relaxed;
};
