// equipoise: which backend gets this piece of work. Core and policies in one include.
#pragma once

#include <equipoise/core/balancer.hpp>
#include <equipoise/policy/round_robin.hpp>
