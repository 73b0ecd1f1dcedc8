// SPDX-License-Identifier: MIT
// expect: equipoise: a policy's propose() must be noexcept: a pick never throws
#include "may_throw.hpp"

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, mine{}}; }
