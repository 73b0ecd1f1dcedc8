// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace standard_test {
using namespace equipoise;

namespace {
// The names of all policies and compositions that the headers of include/equipoise/policy define.
std::set<std::string> names_in_headers() {
  std::set<std::string> names;
  std::string_view const definition = "static constexpr std::string_view name = \"";
  for (auto const& entry : std::filesystem::directory_iterator{EQUIPOISE_POLICY_HEADERS}) {
    if (entry.path().extension() != ".hpp") continue;
    std::ifstream file{entry.path()};
    std::string const text{std::istreambuf_iterator<char>{file}, {}};
    for (auto at = text.find(definition); at != text.npos; at = text.find(definition, at)) {
      at += definition.size();
      names.insert(text.substr(at, text.find('"', at) - at));
    }
  }
  return names;
}
}  // namespace

TEST_CASE("standard: every policy in the headers is in a list, unless it needs arguments") {
  std::set<std::string> listed{"shard_router", "zone_first"};  // need a map, a zone
  for_each_policy(standard_policies{}, [&](auto const& p) { CHECK(listed.emplace(p.name).second); });
  for_each_standard_composition(
      [&]<template <class> class C>() { CHECK(listed.emplace(C<round_robin>::name).second); });
  CHECK(names_in_headers() == listed);
}

}  // namespace standard_test
