// The small vocabularies of a pick: why a backend gets no new work, who may be picked all the same, how a piece of
// work ended, and why there was nobody.
#pragma once

#include <equipoise/core/config.hpp>

#include <string>
#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// Why a backend gets no new work. Reasons are a set: clearing one leaves the others.
enum class health_flag : std::uint32_t {
  none = 0,
  down = 1,          // an active check failed
  ejected = 2,       // an outlier among its peers
  circuit_open = 4,  // a breaker tripped
  saturated = 8,     // the server or the host says: full
  draining = 16,     // finishes what it has
  maintenance = 32,  // an operator's hand
  removed = 64,      // left the pool; only the pool sets it, nobody clears it
  zero_weight = 128,  // weight 0; only the pool sets and clears it
  user_1 = 256,      // four for the host's own use
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
// The reasons of `a` that are not in `b`.
constexpr health_flag without(health_flag a, health_flag b) noexcept {
  return static_cast<health_flag>(static_cast<std::uint32_t>(a) & ~static_cast<std::uint32_t>(b));
}

// Which bits of a backend's word count for this pick. Masks combine by `&`: what either ignores is ignored.
enum class admission : std::uint32_t {
  new_work = 0xFFFFFFFF,                 // every reason counts
  same_session = 0xFFFFFFFF & ~144u,     // ignores draining and zero_weight: bound sessions stay
  panic = 0xFFFFFFFF & ~7u,              // ignores down, ejected, circuit_open: a last resort
};

constexpr admission operator&(admission a, admission b) noexcept {
  return static_cast<admission>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

namespace detail {
struct named_flag {
  health_flag bit;
  std::string_view name;
};
// In the order of strength: what an operator is shown first.
inline constexpr named_flag flags_by_severity[] = {
    {health_flag::removed, "removed"},           {health_flag::maintenance, "maintenance"}, {health_flag::draining, "draining"},
    {health_flag::down, "down"},                 {health_flag::ejected, "ejected"},         {health_flag::circuit_open, "circuit_open"},
    {health_flag::saturated, "saturated"},       {health_flag::zero_weight, "zero_weight"},   {health_flag::user_1, "user_1"},
    {health_flag::user_2, "user_2"},             {health_flag::user_3, "user_3"},           {health_flag::user_4, "user_4"},
};
}  // namespace detail

// "up", or the reasons joined by '+', strongest first.
inline std::string to_string(health_flag flags) {
  std::string text;
  for (auto const& [bit, name] : detail::flags_by_severity)
    if ((flags & bit) != health_flag::none) (text += text.empty() ? "" : "+") += name;
  return text.empty() ? "up" : text;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
