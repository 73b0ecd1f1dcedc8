// SPDX-License-Identifier: MIT
// Serves the pages of a health report over HTTP/1.1.
//
//   GET /health            200 or 503: whether the server shall get work
//   GET /health?verbose    the same with details, for clients that may see them
//   GET /live              200 or 503: whether the process must be restarted
//
// The page is application/health+json for a client that accepts that, or that asks for details. Otherwise it is
// application/json with true or false for each check.
#pragma once

#include "net.hpp"

#include <equipoise/health/health_report.hpp>

namespace health {

using namespace proxy;

// Which clients may see details.
enum class details_for { off, loopback, any };

// Accepts clients until the acceptor is closed.
task<> serve(tcp::acceptor& acceptor, equipoise::health_report const& report, details_for allowed);

}  // namespace health
