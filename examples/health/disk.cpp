// SPDX-License-Identifier: MIT
#include "disk.hpp"

#include <sys/statvfs.h>

#include <cerrno>
#include <system_error>

namespace health {

equipoise::free_space read_free_space(std::string const& path) {
  struct statvfs s {};
  if (::statvfs(path.c_str(), &s) != 0) throw std::system_error{errno, std::generic_category(), path};
  equipoise::free_space left{.bytes = std::uint64_t{s.f_bavail} * s.f_frsize};
  if (s.f_files != 0) left.inodes = s.f_favail;  // btrfs, for instance, makes inodes as they are needed
  return left;
}

}  // namespace health
