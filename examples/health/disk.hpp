// SPDX-License-Identifier: MIT
// Reads what a file system has left for this user.
#pragma once

#include <equipoise/health/disk_space.hpp>

#include <string>

namespace health {

// Blocks as long as the file system does, which may be long on a network. Throws std::system_error.
equipoise::free_space read_free_space(std::string const& path);

}  // namespace health
