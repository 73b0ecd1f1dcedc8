// SPDX-License-Identifier: MIT
// Counts latencies from nanoseconds to hours in steps of 3 %. As in HdrHistogram, each power of two is divided into 32
// equal parts.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace demo {

class histogram {
 public:
  void add(std::chrono::nanoseconds latency) {
    ++buckets_[bucket_of(static_cast<std::uint64_t>(latency.count() < 0 ? 0 : latency.count()))];
    ++count_;
  }

  std::uint64_t count() const { return count_; }

  // Returns the end of the first bucket that `share` (0 … 1) of the latencies do not exceed.
  std::chrono::nanoseconds quantile(double share) const {
    auto const wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= wanted && seen != 0) return std::chrono::nanoseconds{static_cast<std::int64_t>(end_of(i))};
    }
    return {};
  }

 private:
  static constexpr unsigned parts = 32, part_bits = 5;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < parts) return value;
    auto const shift = static_cast<unsigned>(std::bit_width(value)) - 1 - part_bits;
    return (shift + 1) * parts + ((value >> shift) - parts);
  }
  static std::uint64_t end_of(std::size_t bucket) {
    if (bucket < parts) return bucket;
    return (parts + bucket % parts + 1) << (bucket / parts - 1);
  }

  std::array<std::uint32_t, 44 * parts> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace demo
