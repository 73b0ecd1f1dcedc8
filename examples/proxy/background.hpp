// SPDX-License-Identifier: MIT
// Coroutines that run in the background. Each exception is logged and counted, and ends only the step that threw it.
#pragma once

#include "proxy.hpp"

#include <spdlog/spdlog.h>

#include <exception>

namespace proxy {

inline void report_error(counters& counts, std::string_view where, std::exception const& e) noexcept try {
  ++counts.errors;
  spdlog::error("{}: {}", where, e.what());
} catch (...) {  // the log itself failed; the error is counted
}

// Starts a coroutine. `where` names it in the log and must be a literal.
template <class Context>
void start_task(Context& context, counters& counts, std::string_view where, task<> work) {
  asio::co_spawn(context, std::move(work), [&counts, where](std::exception_ptr thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (std::exception const& e) {
      report_error(counts, where, e);
    }
  });
}

// Runs `step`, a function that returns task<bool>, until it returns false. After an exception it waits a moment.
template <class Step>
task<> repeat(counters& counts, std::string_view where, Step step) {
  for (bool more = true; more;) {
    bool thrown = false;
    try {
      more = co_await step();
    } catch (std::exception const& e) {
      report_error(counts, where, e);
      thrown = true;
    }
    if (thrown) co_await sleep_for(100ms);
  }
}

// Runs the event loop. An exception of a handler ends what that handler worked on, and no other client.
inline void run_loop(asio::io_context& io, counters& counts) {
  for (;;) try {
      io.run();
      return;
    } catch (std::exception const& e) {
      report_error(counts, "event loop", e);
    }
}

}  // namespace proxy
