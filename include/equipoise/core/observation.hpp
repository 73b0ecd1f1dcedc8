// What leases report about one backend: kept only where the pool was asked to (`pool_options::observations`).
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/outcome.hpp>

#include <atomic>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// One cache line a backend. Written only under a lease, so no late report lands on a slot's next owner; each number is
// exact by itself, and readers may see one a moment before the other. All relaxed: nothing is ordered by them.
struct alignas(detail::cache_line) observation {
  std::atomic<std::uint64_t> ok;
  std::atomic<std::uint64_t> failed;                 // error, gateway_error, local_error
  std::atomic<std::uint64_t> latency;                // nanoseconds, sum over the `measured` ones
  std::atomic<std::uint64_t> measured;               // reports that had both a start and an end
  std::atomic<std::uint32_t> consecutive_failures;   // since the last `ok`

  // Wait-free. `rejected` and `cancelled` say nothing about health.
  void report(outcome how, std::chrono::nanoseconds took) noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
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

  // Before a slot is given to another backend; by then no lease is left that could report.
  void reset() noexcept {
    for (auto* number : {&ok, &failed, &latency, &measured}) number->store(0, std::memory_order_relaxed);
    consecutive_failures.store(0, std::memory_order_relaxed);
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
