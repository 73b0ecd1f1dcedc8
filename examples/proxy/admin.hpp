// SPDX-License-Identifier: MIT
// The administration pages under /-/ : a status page, /-/stats and /-/explain as JSON, /-/metrics for Prometheus.
#pragma once

#include "exchange.hpp"
#include "worker.hpp"

#include <boost/url/url_view.hpp>

#include <utility>

namespace proxy {

bool is_admin(config const& settings, client_request const& request);

// Returns false if the client's connection cannot be used again.
task<bool> administer(worker& at, client& c, client_request const& request, client_side side);

// What /-/explain answers: a status and a text, which is JSON if the status is 200. ?key=TEXT or ?client=ADDRESS names
// the key of the pick, otherwise it is that of this request. ?backend=NAME also says why that backend was not chosen.
std::pair<unsigned, std::string> explain(worker& at, client const& c, client_request const& request,
                                         boost::urls::url_view target);

std::string stats_json(shared const& all);
std::string metrics_text(shared const& all);  // in Prometheus' text format 0.0.4
extern std::string_view const status_page;

}  // namespace proxy
