// SPDX-License-Identifier: MIT
// The room of health in one include.
#pragma once

#include <equipoise/health/check_scheduler.hpp>
#include <equipoise/health/disk_space.hpp>
#include <equipoise/health/draining.hpp>
#include <equipoise/health/health_report.hpp>
#include <equipoise/health/http_check.hpp>
#include <equipoise/health/outlier_detection.hpp>
#include <equipoise/health/timestamp.hpp>
