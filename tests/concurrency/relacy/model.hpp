// What the model checks share: the shipped templates, an atomic with std::atomic's interface that lives in Relacy's
// memory model, and the two questions that are asked of a model: does it hold, does a mutant of it break.
//
// Plain data is rl::var, so "freed too early" and "written too late" are data races that Relacy sees. A model holds all
// its memory itself (no new inside a run). Relacy redefines memory_order_…, new, delete and assert: its header comes
// last, and orders are written std::memory_order::acquire here.
#pragma once

#include <equipoise/core/registry/lease_protocol.hpp>
#include <equipoise/core/snapshot/publication_protocol.hpp>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <ostream>
#include <streambuf>
#include <type_traits>

#include <relacy/relacy.hpp>

namespace model {

constexpr rl::memory_order relacy_order(std::memory_order order) {
  switch (order) {
    case std::memory_order::relaxed:
      return rl::mo_relaxed;
    case std::memory_order::consume:
      return rl::mo_consume;
    case std::memory_order::acquire:
      return rl::mo_acquire;
    case std::memory_order::release:
      return rl::mo_release;
    case std::memory_order::acq_rel:
      return rl::mo_acq_rel;
    default:
      return rl::mo_seq_cst;
  }
}

template <class T>
class relacy_atomic {
 public:
  relacy_atomic() : value_{T{}} {}

  T load(std::memory_order order) const { return value_($).load(relacy_order(order)); }
  void store(T value, std::memory_order order) { value_($).store(value, relacy_order(order)); }
  T exchange(T value, std::memory_order order) { return value_($).exchange(value, relacy_order(order)); }
  T fetch_add(T value, std::memory_order order) { return value_($).fetch_add(value, relacy_order(order)); }
  T fetch_sub(T value, std::memory_order order) { return value_($).fetch_sub(value, relacy_order(order)); }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return value_($).compare_exchange_weak(expected, value, relacy_order(success), relacy_order(failure));
  }

 private:
  rl::atomic<T> value_;
};

inline bool as_expected = true;

// Relacy tells the failing schedule step by step; with EQUIPOISE_TELL in the environment it is printed.
struct nowhere : std::streambuf {
  int overflow(int c) override { return c; }
};

template <class Model>
rl::test_params run(unsigned schedules) {
  nowhere buffer;
  std::ostream silent{std::getenv("EQUIPOISE_TELL") != nullptr ? std::cout.rdbuf() : &buffer};
  rl::test_params params;
  params.iteration_count = schedules;
  params.output_stream = params.progress_stream = &silent;
  rl::simulate<Model>(params);
  return params;
}

inline void say(bool good, char const* what, char const* name, rl::test_params const& params) {
  std::printf("%s %s %s: %s, %s %llu\n", good ? "   " : "NO:", what, name, rl::test_result_str(params.test_result),
              params.test_result == rl::test_result_success ? "schedules" : "schedule",
              static_cast<unsigned long long>(params.stop_iteration));
  std::fflush(stdout);
  as_expected = as_expected && good;
}

template <class Model>
void holds(char const* name, unsigned schedules = 100'000) {
  auto const params = run<Model>(schedules);
  say(params.test_result == rl::test_result_success, "holds ", name, params);
}

// A mutant must be caught by what it does to the data, not by a flaw of the model (a livelock, say).
template <class Model>
void breaks(char const* name, unsigned schedules = 100'000) {
  auto const params = run<Model>(schedules);
  say(params.test_result == rl::test_result_data_race || params.test_result == rl::test_result_user_assert_failed,
      "breaks", name, params);
}

inline int verdict() { return as_expected ? 0 : 1; }

}  // namespace model
