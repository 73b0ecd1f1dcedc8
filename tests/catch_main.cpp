// SPDX-License-Identifier: MIT
// The main function of Catch2 2.13. Builds with another standard library or without exceptions cannot use the
// platform's one.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
