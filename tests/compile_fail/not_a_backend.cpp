// SPDX-License-Identifier: MIT
// expect: equipoise: a backend is a movable type with a key
#include <equipoise/core/pool/pool.hpp>

struct keyless {};

equipoise::pool<keyless> pool;
