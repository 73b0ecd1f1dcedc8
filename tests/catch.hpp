// Catch2 3, or 2.13 as Debian 12 has it, under one set of names. Tests include this and no header of Catch2.
//
// The names are those of version 3: Approx, SKIP, Catch::Matchers::ContainsSubstring. Assertions are not thread safe
// in either: collect what threads saw, and assert after the join.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)

#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

using Catch::Approx;

#else

#include <catch2/catch.hpp>

namespace Catch::Matchers {
inline auto ContainsSubstring(std::string const& text) { return Contains(text); }
}  // namespace Catch::Matchers

// Ends the test case. ctest knows the sentence and reports the test as skipped, not as passed.
#define SKIP(reason)                   \
  do {                                 \
    WARN("test skipped: " << (reason)); \
    return;                            \
  } while (false)

#endif
