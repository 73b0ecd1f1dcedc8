// The small vocabularies of a pick: why a backend gets no new work, who may be picked all the same, how a piece of
// work ended, and why there was nobody.
#pragma once

#include <equipoise/core/config.hpp>

#include <string>
#include <string_view>

namespace equipoise::inline EQUIPOISE_ABI {

// Why a backend gets no new work. Reasons are a set: clearing one leaves the others.
enum class reason : std::uint32_t {
  none = 0,
  down = 1,          // an active check failed
  ejected = 2,       // an outlier among its peers
  circuit_open = 4,  // a breaker tripped
  saturated = 8,     // the server or the host says: full
  draining = 16,     // finishes what it has
  maintenance = 32,  // an operator's hand
  removed = 64,      // left the pool; only the pool sets it, nobody clears it
  weightless = 128,  // weight 0; only the pool sets and clears it
  host_1 = 256,      // four for the host's own use
  host_2 = 512,
  host_3 = 1024,
  host_4 = 2048,
};

constexpr reason operator|(reason a, reason b) noexcept {
  return static_cast<reason>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr reason operator&(reason a, reason b) noexcept {
  return static_cast<reason>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
// The reasons of `a` that are not in `b`.
constexpr reason without(reason a, reason b) noexcept {
  return static_cast<reason>(static_cast<std::uint32_t>(a) & ~static_cast<std::uint32_t>(b));
}

// Which bits of a backend's word count for this pick. Masks combine by `&`: what either ignores is ignored.
enum class admission : std::uint32_t {
  new_work = 0xFFFFFFFF,                 // every reason counts
  same_session = 0xFFFFFFFF & ~144u,     // ignores draining and weightless: bound sessions stay
  panic = 0xFFFFFFFF & ~7u,              // ignores down, ejected, circuit_open: a last resort
};

constexpr admission operator&(admission a, admission b) noexcept {
  return static_cast<admission>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

// How a piece of work ended.
enum class outcome : std::uint8_t {
  ok,
  error,          // the backend answered badly
  gateway_error,  // what stands behind it answered badly
  local_error,    // connect failed or time ran out on our side
  rejected,       // it shed load
  cancelled,      // we gave up; says nothing about the backend
};

// Why a pick found nobody; of several, the mildest that was met.
enum class cause : std::uint8_t {
  none,           // somebody was found
  all_tried,      // every other one is down: the host may ask again without `tried`
  all_saturated,  // well, but full
  all_down,
  refused,        // the policy proposed nobody: no such shard, a key of the wrong kind
  empty,          // the pool has no members
};

constexpr std::string_view to_string(outcome o) noexcept {
  constexpr std::string_view names[] = {"ok", "error", "gateway_error", "local_error", "rejected", "cancelled"};
  auto const i = static_cast<std::size_t>(o);
  return i < std::size(names) ? names[i] : "unknown";
}

constexpr std::string_view to_string(cause c) noexcept {
  constexpr std::string_view names[] = {"none", "all_tried", "all_saturated", "all_down", "refused", "empty"};
  auto const i = static_cast<std::size_t>(c);
  return i < std::size(names) ? names[i] : "unknown";
}

namespace detail {
struct named_reason {
  reason bit;
  std::string_view name;
};
// In the order of strength: what an operator is shown first.
inline constexpr named_reason reasons_by_strength[] = {
    {reason::removed, "removed"},           {reason::maintenance, "maintenance"}, {reason::draining, "draining"},
    {reason::down, "down"},                 {reason::ejected, "ejected"},         {reason::circuit_open, "circuit_open"},
    {reason::saturated, "saturated"},       {reason::weightless, "weightless"},   {reason::host_1, "host_1"},
    {reason::host_2, "host_2"},             {reason::host_3, "host_3"},           {reason::host_4, "host_4"},
};
}  // namespace detail

// "up", or the reasons joined by '+', strongest first.
inline std::string to_string(reason reasons) {
  std::string text;
  for (auto const& [bit, name] : detail::reasons_by_strength)
    if ((reasons & bit) != reason::none) (text += text.empty() ? "" : "+") += name;
  return text.empty() ? "up" : text;
}

}  // namespace equipoise::inline EQUIPOISE_ABI
