// SPDX-License-Identifier: MIT
// expect: equipoise: a policy's propose() must be noexcept: a pick never throws
#include "may_throw.hpp"

#include <equipoise/policy/failover.hpp>

void use(equipoise::pool<server>& pool) { equipoise::balancer lb{pool, equipoise::failover{mine{}}}; }
