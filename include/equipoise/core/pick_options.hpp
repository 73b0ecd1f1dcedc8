// SPDX-License-Identifier: MIT
// What an application says about one pick.
#pragma once

#include <equipoise/core/array_view.hpp>
#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/clock.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What an application says about one pick. Everything is optional.
struct pick_options {
  time_point now = {};                         ///< the lease's start, and the time of policies that need one
  array_view<backend_id const> excluded = {};  ///< a retry: do not choose these again
  backend_id session = {};                     ///< the backend on which this client's session lives
  admission mask = admission::new_work;        ///< the health flags that count

  /// Whether a backend is among the excluded ones. Wait-free; O(excluded).
  bool excludes(backend_id id) const noexcept {
    for (backend_id e : excluded)
      if (e == id) return true;
    return false;
  }
};

namespace detail {

// The default argument of every pick, in one place: a constant that is read, not an object that each pick must write.
inline constexpr pick_options plain_pick{};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
