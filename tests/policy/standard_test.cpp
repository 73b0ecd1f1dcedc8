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

TEST_CASE("standard: every policy in the headers is in a list") {
  std::set<std::string> listed;
  auto const add = [&](std::string_view name) { CHECK(listed.emplace(name).second); };
  auto const list_all = [&]<class... P>(policy_list<P...>) { (add(P::name), ...); };
  list_all(standard_policies{});
  list_all(standard_policies_with_arguments{});
  auto const list = [&]<template <class> class C>() { add(C<round_robin>::name); };
  for_each_composition(standard_compositions{}, list);
  for_each_composition(standard_compositions_with_arguments{}, list);
  CHECK(names_in_headers() == listed);
}

}  // namespace standard_test
