// SPDX-License-Identifier: MIT
// The kinds of promises of the troubles. Each function returns an expectation for the table.
#pragma once

#include "trouble.hpp"

namespace demo::promised {

// Requests.
expectation no_failure();
// Errors of the backend reach clients only until it is ejected: for each ejection at most `in_a_row` and the requests
// that the backend had in flight then. No request that was due within `ejected_for` after an ejection fails.
expectation failures_until_ejection(std::size_t in_a_row, double ejected_for);
// Requests fail only while most backends are down, each with a reason.
expectation refused_while_down();

// Picks of the backend in trouble.
expectation no_pick_later_than(double seconds, std::string what);  // after the trouble began
expectation little_share(double limit, double slow_ms);            // from one second after the first bad answer on
expectation share_in_trouble(std::size_t backend, double at_least, double at_most);
expectation load_shared_by_weights(double tolerance);
expectation back_to_fair_share(double settle);  // within 20 %, from `settle` seconds after the end on

// An operator's drain: work was open when it began, all of it ended, and SIGTERM then ended the backend with code 0.
expectation open_work_finished();

// A newcomer.
expectation rises_along(double window, double tolerance);
expectation no_surge(double overshoot);  // of the shares and of the p99 of the others

// Memory and descriptors of the proxy at the end against those after the first quarter, at most 5 % and 1 MiB more.
expectation memory_flat();
expectation no_sanitizer_report();

// Visibility.
expectation explained(std::string text);  // explain() contains it
expectation all_seen_down(std::vector<std::size_t> backends);

// The second run against the first: fewer log lines and failed attempts, and a smaller share.
comparison calmer_than_first();

}  // namespace demo::promised
