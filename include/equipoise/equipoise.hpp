// SPDX-License-Identifier: MIT
// equipoise: decides which backend gets a piece of work. The core and all policies in one include.
#pragma once

#include <equipoise/core/endpoint.hpp>
#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/core/pick/print.hpp>
#include <equipoise/policy/client_subset.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/shard_router.hpp>
#include <equipoise/policy/zone_first.hpp>
