// equipoise: which backend gets this piece of work. Core and policies in one include.
#pragma once

#include <equipoise/core/balancer.hpp>
#include <equipoise/core/endpoint.hpp>
#include <equipoise/core/print.hpp>
#include <equipoise/policy/policy_catalog.hpp>
#include <equipoise/policy/shard_router.hpp>
