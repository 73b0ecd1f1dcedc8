// SPDX-License-Identifier: MIT
// A histogram of latencies: exact counts, and quantiles to within a sixteenth.
//
//   equipoise::latency_histogram h;
//   h.record(std::chrono::microseconds{340});
//   auto const p99 = h.quantile(0.99);
//
// Buckets grow with the value, as in HdrHistogram: each power of two nanoseconds is cut into eight buckets of equal
// width. 240 of them reach from one microsecond to 18 minutes; what lies below or above counts as
// the shortest or longest of them.
// 2 kB. Unlike an average, histograms of several backends or processes may be added up.
#pragma once

#include <equipoise/core/clock.hpp>

#include <atomic>
#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A histogram of latencies that many threads record. See the top of the header.
class latency_histogram {
 public:
  static constexpr std::size_t parts = 8;                  ///< buckets for each power of two
  static constexpr int first_power = 10, last_power = 40;  ///< 2^10 … 2^40 nanoseconds
  static constexpr std::size_t buckets = parts * (last_power - first_power);

  /// Counts one latency. A negative one counts as 0, and one of more than 13 days as that in the sum. Wait-free, from
  /// any thread; allocates nothing.
  void record(std::chrono::nanoseconds latency) noexcept {
    counts_[bucket_of(latency)].fetch_add(1, std::memory_order_relaxed);
    constexpr std::uint64_t most = std::uint64_t{1} << 50;
    auto const ns = static_cast<std::uint64_t>(latency.count() > 0 ? latency.count() : 0);
    sum_.fetch_add(ns < most ? ns : most, std::memory_order_relaxed);
  }

  /// How many were recorded. Latencies that are recorded meanwhile may be missing. Wait-free; O(buckets).
  std::uint64_t count() const noexcept {
    std::uint64_t n = 0;
    for (auto const& c : counts_) n += c.load(std::memory_order_relaxed);
    return n;
  }
  /// The sum of all latencies. Wait-free.
  std::chrono::nanoseconds sum() const noexcept {
    return std::chrono::nanoseconds{static_cast<std::int64_t>(sum_.load(std::memory_order_relaxed))};
  }
  /// How many were shorter than 2^power nanoseconds, for a power of 10 … 40; all of them for 40. Wait-free; O(buckets).
  std::uint64_t count_below(int power) const noexcept {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i != buckets && bound(i) <= (std::uint64_t{1} << power); ++i) n += at(i);
    return n;
  }

  /// The latency that a share q of the recorded ones does not exceed, 0 … 1: the middle of its bucket, so off by a
  /// sixteenth at most. 0 without any; a q outside its range is cut. Wait-free; O(buckets).
  std::chrono::nanoseconds quantile(double q) const noexcept {
    std::uint64_t const all = count();
    if (all == 0) return {};
    double const wanted = (q > 0 ? (q < 1 ? q : 1) : 0) * static_cast<double>(all);
    std::uint64_t before = 0;
    std::size_t i = 0;
    for (; i != buckets - 1; ++i) {
      before += at(i);
      if (before != 0 && static_cast<double>(before) >= wanted) break;
    }
    return std::chrono::nanoseconds{static_cast<std::int64_t>((lower_bound(i) + bound(i)) / 2)};
  }

  /// Sets all counts to 0. No thread may record meanwhile.
  void reset() noexcept {
    for (auto& c : counts_) c.store(0, std::memory_order_relaxed);
    sum_.store(0, std::memory_order_relaxed);
  }

 private:
  static std::size_t bucket_of(std::chrono::nanoseconds latency) noexcept {
    if (latency.count() < std::int64_t{1} << first_power) return 0;
    auto const ns = static_cast<std::uint64_t>(latency.count());
    int const power = static_cast<int>(std::bit_width(ns)) - 1;
    if (power >= last_power) return buckets - 1;
    return parts * static_cast<std::size_t>(power - first_power) + (ns >> (power - 3) & (parts - 1));
  }
  // The first number of nanoseconds of a bucket, and the first one above it.
  static constexpr std::uint64_t lower_bound(std::size_t i) noexcept { return edge(i, parts + i % parts); }
  static constexpr std::uint64_t bound(std::size_t i) noexcept { return edge(i, parts + i % parts + 1); }
  static constexpr std::uint64_t edge(std::size_t i, std::uint64_t part) noexcept {
    return part << (first_power - 3 + static_cast<int>(i / parts));
  }
  std::uint64_t at(std::size_t i) const noexcept { return counts_[i].load(std::memory_order_relaxed); }

  std::atomic<std::uint64_t> counts_[buckets]{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
