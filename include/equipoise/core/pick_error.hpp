// SPDX-License-Identifier: MIT
// Why a pick found no backend.
#pragma once

#include <equipoise/core/config.hpp>

#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Why a pick found no backend. If it met several reasons, it reports the mildest of them, and this is their order.
enum class pick_error : std::uint8_t {
  none,           ///< a backend was found
  all_excluded,   ///< every other backend is down: the application may ask again without `excluded`
  all_saturated,  ///< some are healthy, but all of them are full
  all_down,       ///< no backend may get this work
  refused,        ///< the policy proposed no backend: no such shard, or a key of the wrong kind
  empty,          ///< the pool has no members
};

/// The name of the enumerator; "unknown" for any other value.
constexpr std::string_view to_string(pick_error e) noexcept {
  constexpr std::string_view names[] = {"none", "all_excluded", "all_saturated", "all_down", "refused", "empty"};
  auto const i = static_cast<std::size_t>(e);
  return i < std::size(names) ? names[i] : "unknown";
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
