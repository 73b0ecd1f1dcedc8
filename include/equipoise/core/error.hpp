// SPDX-License-Identifier: MIT
// How a configuration mistake is reported: an exception that names the field and the value, or, where exceptions are
// off, a call of a handler that does not return. Only the control plane fails this way. A pick never does.
#pragma once

#include <equipoise/core/config.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What is called with the message of a configuration mistake in programs without exceptions. It must not return: if it
/// does, the program is aborted.
using failure_handler = void (*)(char const* message);

namespace detail {
[[noreturn]] inline void default_failure_handler(char const* message) {
  std::fprintf(stderr, "%s\n", message);
  std::abort();
}
inline std::atomic<failure_handler> current_failure_handler{&default_failure_handler};
}  // namespace detail

/// Replaces the failure handler; a null pointer restores the default, which prints the message and aborts. Returns the
/// previous handler. Wait-free, from any thread.
inline failure_handler set_failure_handler(failure_handler handler) noexcept {
  return detail::current_failure_handler.exchange(handler != nullptr ? handler : &detail::default_failure_handler);
}

/// Reports a configuration mistake: throws std::invalid_argument with the message, or calls the failure handler in a
/// program without exceptions. The constructors of policies report their mistakes with it; a build() calls
/// members_view::refuse().
[[noreturn]] inline void fail(std::string const& message) {
#if EQUIPOISE_EXCEPTIONS
  throw std::invalid_argument(message);
#else
  detail::current_failure_handler.load()(message.c_str());
  std::abort();
#endif
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
