// SPDX-License-Identifier: MIT
// The room of service discovery in one include. The sources themselves are in equipoise/with/.
#pragma once

#include <equipoise/discovery/back_off.hpp>
#include <equipoise/discovery/discovered.hpp>
#include <equipoise/discovery/dns_lookup.hpp>
#include <equipoise/discovery/feed.hpp>
#include <equipoise/discovery/pool_feed.hpp>
