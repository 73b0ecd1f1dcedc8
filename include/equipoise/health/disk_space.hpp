// SPDX-License-Identifier: MIT
// Whether a file system has room left, as the result of a check. The application reads the numbers: statvfs() has both,
// std::filesystem::space() only the bytes.
//
//   auto const status = equipoise::disk_status({.bytes = free_bytes, .inodes = free_inodes});
#pragma once

#include <equipoise/health/self_check.hpp>

#include <optional>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What a file system has left for the user that the server runs as.
struct free_space {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> inodes{};  ///< none if the file system has no fixed number of them
};

/// What a server needs. A file system that has no more than a threshold is below it.
struct disk_thresholds {
  std::uint64_t least_bytes = 1'000'000'000;  ///< it fails unless there is more
  std::uint64_t warn_bytes = 2'000'000'000;   ///< it warns unless there is more
  std::uint64_t least_inodes = 1'000;
  std::uint64_t warn_inodes = 10'000;

  /// Fails if a server would fail before it warns, naming the field.
  void check() const {
    order("bytes", least_bytes, warn_bytes);
    order("inodes", least_inodes, warn_inodes);
  }

 private:
  static void order(char const* what, std::uint64_t least, std::uint64_t warn) {
    if (warn < least)
      fail("equipoise: disk_thresholds::warn_" + std::string{what} + " " + std::to_string(warn) +
           " is less than least_" + what + " " + std::to_string(least));
  }
};

/// The worse one of what the bytes and the inodes say. A `least` above its `warn` wins. Wait-free; O(1).
constexpr health_status disk_status(free_space const& left, disk_thresholds const& t = {}) noexcept {
  if (left.bytes <= t.least_bytes || (left.inodes && *left.inodes <= t.least_inodes)) return health_status::fail;
  if (left.bytes <= t.warn_bytes || (left.inodes && *left.inodes <= t.warn_inodes)) return health_status::warn;
  return health_status::pass;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
