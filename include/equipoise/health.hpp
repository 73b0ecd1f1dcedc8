// SPDX-License-Identifier: MIT
// The room of health in one include.
#pragma once

#include <equipoise/health/outlier_detection.hpp>
