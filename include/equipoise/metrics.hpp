// SPDX-License-Identifier: MIT
// The room of metrics in one include.
#pragma once

#include <equipoise/metrics/backend_metrics.hpp>
#include <equipoise/metrics/latency_histogram.hpp>
