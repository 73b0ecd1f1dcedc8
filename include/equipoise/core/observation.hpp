// SPDX-License-Identifier: MIT
// What leases report about one backend. A pool keeps it only if pool_options::observations is set.
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/outcome.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The reports about one backend since it joined. Each number is exact, but a reader may see one of them a moment
/// before another. Only a lease writes here, so a late report never reaches the next owner of the slot.
struct alignas(detail::cache_line) observation {
  std::atomic<std::uint64_t> ok;
  std::atomic<std::uint64_t> failed;                ///< error, gateway_error and local_error
  std::atomic<std::uint64_t> latency;               ///< in nanoseconds, the sum over the `measured` reports
  std::atomic<std::uint64_t> measured;              ///< reports that had both a start and an end
  std::atomic<std::uint32_t> consecutive_failures;  ///< since the last `ok`

  /// Counts one report. `rejected` and `cancelled` say nothing about health and leave the failures alone. Wait-free.
  void report(outcome how, std::chrono::nanoseconds took) noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;  // for all: these numbers order nothing
    if (how == outcome::ok) {
      ok.fetch_add(1, relaxed);
      if (consecutive_failures.load(relaxed) != 0) consecutive_failures.store(0, relaxed);
    } else if (how != outcome::rejected && how != outcome::cancelled) {
      failed.fetch_add(1, relaxed);
      consecutive_failures.fetch_add(1, relaxed);
    }
    if (took.count() <= 0) return;
    latency.fetch_add(static_cast<std::uint64_t>(took.count()), relaxed);
    measured.fetch_add(1, relaxed);
  }

  /// Sets all numbers to 0. The pool calls it before the slot gets another owner; no lease is left by then.
  void reset() noexcept {
    for (auto* number : {&ok, &failed, &latency, &measured}) number->store(0, std::memory_order_relaxed);
    consecutive_failures.store(0, std::memory_order_relaxed);
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
