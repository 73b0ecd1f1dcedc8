// How a configuration mistake is reported: an exception that names the field and the value, or, where exceptions
// are off, a handler that does not come back. Only the control plane fails this way; a pick never does.
#pragma once

#include <equipoise/core/config.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// Called with the message when exceptions are off. Must not return: if it does, the program is aborted.
using failure_handler = void (*)(char const* message);

namespace detail {
[[noreturn]] inline void default_failure_handler(char const* message) {
  std::fprintf(stderr, "%s\n", message);
  std::abort();
}
inline std::atomic<failure_handler> current_failure_handler{&default_failure_handler};
}  // namespace detail

// Replaces the handler; gives the one before. Thread-safe.
inline failure_handler set_failure_handler(failure_handler handler) noexcept {
  return detail::current_failure_handler.exchange(handler != nullptr ? handler : &detail::default_failure_handler);
}

// Refuses a configuration: throws std::invalid_argument, or calls the handler.
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
