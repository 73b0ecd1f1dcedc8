// SPDX-License-Identifier: MIT
// A policy whose propose() may throw.
#pragma once

#include <equipoise/core/pick/balancer.hpp>

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct mine {
  struct table {};
  struct cursor {};
  table build(equipoise::members_view) const { return {}; }
  equipoise::proposal propose(table const&, cursor&, equipoise::pick const&) const { return nullptr; }
};
