// SPDX-License-Identifier: MIT
// Why a backend gets no new work, and which of these flags a pick looks at.
#pragma once

#include <equipoise/core/config.hpp>

#include <string>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The reasons for which a backend gets no new work. They form a set: clearing one flag leaves the others.
enum class health_flag : std::uint32_t {
  none = 0,           ///< healthy
  down = 1,           ///< an active check failed
  ejected = 2,        ///< an outlier among its peers
  circuit_open = 4,   ///< a circuit breaker tripped
  saturated = 8,      ///< the backend or the application reports that it is full
  draining = 16,      ///< finishes the work it has
  maintenance = 32,   ///< taken out by an operator
  removed = 64,       ///< left the pool; only the pool sets this flag, and nothing clears it
  zero_weight = 128,  ///< its weight is 0; only the pool sets and clears this flag
  user_1 = 256,       ///< the first of four flags for the application's own use
  user_2 = 512,
  user_3 = 1024,
  user_4 = 2048,
};

constexpr health_flag operator|(health_flag a, health_flag b) noexcept {
  return static_cast<health_flag>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr health_flag operator&(health_flag a, health_flag b) noexcept {
  return static_cast<health_flag>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
/// The flags of `a` that are not in `b`.
constexpr health_flag without(health_flag a, health_flag b) noexcept {
  return static_cast<health_flag>(static_cast<std::uint32_t>(a) & ~static_cast<std::uint32_t>(b));
}

/// The flags that keep a backend out of one pick, as a mask. Masks combine with `&`: the result ignores every flag that
/// either mask ignores.
enum class admission : std::uint32_t {
  new_work = 0xFFFFFFFF,              ///< every flag counts
  same_session = 0xFFFFFFFF & ~144u,  ///< ignores draining and zero_weight, so that bound sessions stay
  panic = 0xFFFFFFFF & ~7u,           ///< ignores down, ejected and circuit_open, as a last resort
};

constexpr admission operator&(admission a, admission b) noexcept {
  return static_cast<admission>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

namespace detail {
struct named_flag {
  health_flag bit;
  char const* name;
};
// The most important for an operator comes first.
inline constexpr named_flag flags_by_severity[] = {
    {health_flag::removed, "removed"},     {health_flag::maintenance, "maintenance"},
    {health_flag::draining, "draining"},   {health_flag::down, "down"},
    {health_flag::ejected, "ejected"},     {health_flag::circuit_open, "circuit_open"},
    {health_flag::saturated, "saturated"}, {health_flag::zero_weight, "zero_weight"},
    {health_flag::user_1, "user_1"},       {health_flag::user_2, "user_2"},
    {health_flag::user_3, "user_3"},       {health_flag::user_4, "user_4"},
};
}  // namespace detail

/// "up" for no flag, else the names of the flags joined by '+', the most severe first. Allocates.
inline std::string to_string(health_flag flags) {
  std::string text;
  for (auto const& [bit, name] : detail::flags_by_severity)
    if ((flags & bit) != health_flag::none) (text += text.empty() ? "" : "+") += name;
  return text.empty() ? "up" : text;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
