// SPDX-License-Identifier: MIT
// The administration pages under /-/ : a status page, /-/stats and /-/explain as JSON, /-/metrics for Prometheus.
#pragma once

#include "exchange.hpp"
#include "worker.hpp"

namespace proxy {

bool is_admin(config const& settings, client_request const& request);

// Returns false if the client's connection cannot be used again.
task<bool> administer(worker& at, client& c, client_request const& request, client_side side);

std::string stats_json(shared const& all);
std::string metrics_text(shared const& all);  // in Prometheus' text format 0.0.4
extern std::string_view const status_page;

}  // namespace proxy
