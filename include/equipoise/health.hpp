// SPDX-License-Identifier: MIT
// The room of health in one include.
#pragma once

#include <equipoise/health/agent_report.hpp>
#include <equipoise/health/check_scheduler.hpp>
#include <equipoise/health/disk_space.hpp>
#include <equipoise/health/draining.hpp>
#include <equipoise/health/error_limit.hpp>
#include <equipoise/health/failure_accrual.hpp>
#include <equipoise/health/failure_window.hpp>
#include <equipoise/health/flap_damping.hpp>
#include <equipoise/health/health_report.hpp>
#include <equipoise/health/http_check.hpp>
#include <equipoise/health/orca_weights.hpp>
#include <equipoise/health/outlier_detection.hpp>
#include <equipoise/health/time_left.hpp>
#include <equipoise/health/timestamp.hpp>
