// SPDX-License-Identifier: MIT
// Catch2 3, or 2.13 as Debian 12 has it, under the names of version 3: Approx, SKIP,
// Catch::Matchers::ContainsSubstring. Tests include this header and no header of Catch2.
//
// Assertions are not thread safe in either version: a thread stores its results, and the test asserts after the join.
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

// Ends the test case. ctest recognises the sentence and reports the test as skipped, not as passed.
#define SKIP(reason)                    \
  do {                                  \
    WARN("test skipped: " << (reason)); \
    return;                             \
  } while (false)

#endif

// Without exceptions no test can observe a throw. An expression that should throw is only compiled, and one that should
// not throw is run.
#if !defined(__cpp_exceptions)
#undef CHECK_THROWS
#undef CHECK_THROWS_AS
#undef CHECK_THROWS_WITH
#undef CHECK_THROWS_MATCHES
#undef CHECK_NOTHROW
#undef REQUIRE_THROWS
#undef REQUIRE_THROWS_AS
#undef REQUIRE_THROWS_WITH
#undef REQUIRE_THROWS_MATCHES
#undef REQUIRE_NOTHROW
#define CHECK_THROWS(...) static_cast<void>(noexcept(__VA_ARGS__))
#define CHECK_THROWS_AS(expression, ...) static_cast<void>(noexcept(expression))
#define CHECK_THROWS_WITH(expression, ...) static_cast<void>(noexcept(expression))
#define CHECK_THROWS_MATCHES(expression, ...) static_cast<void>(noexcept(expression))
#define CHECK_NOTHROW(...) static_cast<void>(__VA_ARGS__)
#define REQUIRE_THROWS CHECK_THROWS
#define REQUIRE_THROWS_AS CHECK_THROWS_AS
#define REQUIRE_THROWS_WITH CHECK_THROWS_WITH
#define REQUIRE_THROWS_MATCHES CHECK_THROWS_MATCHES
#define REQUIRE_NOTHROW CHECK_NOTHROW
#endif
