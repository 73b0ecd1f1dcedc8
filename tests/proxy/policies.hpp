// SPDX-License-Identifier: MIT
// The policies that the proxy lists, as a configuration may have them.
#pragma once

#include <string>

// A listed composition, such as "failover{…}", around a policy, with the arguments that it demands.
inline std::string composition_of(std::string const& listed, std::string const& inside) {
  auto const name = listed.substr(0, listed.find('{'));
  std::string arguments;
  if (name == "zone_first") arguments = ", zone=west";
  if (name == "zone_aware") arguments = ", zone=west, min_size=1";
  if (name == "zone_weighted") arguments = ", weights=\"west=1\"";
  if (name == "panic") arguments = ", action=all";
  if (name == "subset") arguments = ", labels=version, fallback=any";
  return name + '{' + inside + arguments + '}';
}
