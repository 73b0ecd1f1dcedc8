// Why a pick found no backend.
#pragma once

#include <equipoise/core/config.hpp>

#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// Why a pick found nobody; of several, the mildest that was met.
enum class pick_error : std::uint8_t {
  none,           // somebody was found
  all_excluded,      // every other one is down: the host may ask again without `excluded`
  all_saturated,  // well, but full
  all_down,
  refused,        // the policy proposed nobody: no such shard, a key of the wrong kind
  empty,          // the pool has no members
};

constexpr std::string_view to_string(pick_error c) noexcept {
  constexpr std::string_view names[] = {"none", "all_excluded", "all_saturated", "all_down", "refused", "empty"};
  auto const i = static_cast<std::size_t>(c);
  return i < std::size(names) ? names[i] : "unknown";
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
