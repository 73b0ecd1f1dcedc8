// SPDX-License-Identifier: MIT
// Runs the benchmarks. Before that it writes into the result's context which machine, compiler and filter it is the
// result of, and which policies should be in it. tools/bench_summary reads these.
#include <benchmark/benchmark.h>
#include <equipoise/policy/standard.hpp>

#include <fstream>
#include <string>

namespace {

std::string compiler() {
#if defined(__clang__)
  std::string const name = "Clang " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__);
#elif defined(__GNUC__)
  std::string const name = "GCC " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__);
#else
  std::string const name = "unknown compiler";
#endif
  return name + ' ' + BENCH_OPTIMIZATION;
}

// The processor's name from /proc/cpuinfo; empty on systems without that file.
std::string processor() {
  std::ifstream info{"/proc/cpuinfo"};
  std::string name;
  for (std::string line; std::getline(info, line) && !line.empty();) {  // up to the end of the first processor
    if (line.starts_with("model name"))
      if (auto const colon = line.find(": "); colon != line.npos) name = line.substr(colon + 2);
    if (line.starts_with("flags") && line.find(" hypervisor") != line.npos) name += " in a virtual machine";
  }
  return name;
}

std::string filter(int argc, char** argv) {
  std::string const option = "--benchmark_filter=";
  std::string found;
  for (int i = 1; i != argc; ++i)
    if (std::string const argument = argv[i]; argument.starts_with(option)) found = argument.substr(option.size());
  return found;
}

std::string policies() {
  std::string names;
  equipoise::for_each_policy(equipoise::standard_policies{},
                             [&]<class P>(P const&) { names.append(names.empty() ? "" : " ").append(P::name); });
  return names;
}

std::string compositions() {
  std::string names;
  equipoise::for_each_composition(equipoise::standard_compositions{}, [&]<template <class> class C>() {
    names.append(names.empty() ? "" : " ").append(C<equipoise::maglev<>>::name);
  });
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("processor", processor());
  benchmark::AddCustomContext("compiler", compiler());
  benchmark::AddCustomContext("filter", filter(argc, argv));
  benchmark::AddCustomContext("policies", policies());
  benchmark::AddCustomContext("compositions", compositions());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
