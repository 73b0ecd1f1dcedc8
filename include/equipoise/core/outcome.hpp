// How a piece of work ended.
#pragma once

#include <equipoise/core/config.hpp>

#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// How a piece of work ended.
enum class outcome : std::uint8_t {
  ok,
  error,          // the backend answered badly
  gateway_error,  // what stands behind it answered badly
  local_error,    // connect failed or time ran out on our side
  rejected,       // it shed load
  cancelled,      // we gave up; says nothing about the backend
};

constexpr std::string_view to_string(outcome o) noexcept {
  constexpr std::string_view names[] = {"ok", "error", "gateway_error", "local_error", "rejected", "cancelled"};
  auto const i = static_cast<std::size_t>(o);
  return i < std::size(names) ? names[i] : "unknown";
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
