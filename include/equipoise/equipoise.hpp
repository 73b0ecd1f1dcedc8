// equipoise: which backend gets this piece of work. Core and policies in one include.
#pragma once

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/core/endpoint.hpp>
#include <equipoise/core/pick/print.hpp>
#include <equipoise/policy/policy_registry.hpp>
#include <equipoise/policy/shard_router.hpp>
