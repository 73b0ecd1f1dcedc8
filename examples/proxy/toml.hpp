// SPDX-License-Identifier: MIT
// toml++ with assertions that throw, also where NDEBUG is set, because no configuration may end the program.
#pragma once

namespace proxy {

// What an assertion of toml++ throws. It knows no line.
struct toml_assertion {};
constexpr void assert_toml(bool holds) {
  if (!holds) throw toml_assertion{};
}

}  // namespace proxy

#ifdef TOMLPLUSPLUS_H
#error "include this instead of <toml++/toml.h>"
#endif
#define TOML_ASSERT(condition) ::proxy::assert_toml(static_cast<bool>(condition))
#ifdef NDEBUG  // toml++ would drop the assertions
#undef NDEBUG
#include <toml++/toml.h>
#define NDEBUG
#else
#include <toml++/toml.h>
#endif
