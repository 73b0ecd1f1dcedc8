// SPDX-License-Identifier: MIT
// standard: c++17
// expect: equipoise needs C++20: compile with -std=c++20 or newer
#include <equipoise/equipoise.hpp>
