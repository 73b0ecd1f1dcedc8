// SPDX-License-Identifier: MIT
// What the model checks share. They run the shipped templates on an atomic that has std::atomic's interface and lives
// in Relacy's memory model. A check asks whether a model holds, or whether a mutant of it breaks.
//
// Plain data is rl::var, so Relacy reports a free that is too early, or a write that is too late, as a data race. A
// model contains all its memory, because nothing may be allocated inside a run. Relacy redefines memory_order_…, new,
// delete and assert. Therefore its header comes last, and the models write std::memory_order::acquire.
#pragma once

#include <equipoise/core/registry/change_protocol.hpp>
#include <equipoise/core/registry/lease_protocol.hpp>
#include <equipoise/core/registry/release_log.hpp>
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
  relacy_atomic(T value = T{}) : value_{value} {}

  T load(std::memory_order order) const { return value_($).load(relacy_order(order)); }
  void store(T value, std::memory_order order) { value_($).store(value, relacy_order(order)); }
  T exchange(T value, std::memory_order order) { return value_($).exchange(value, relacy_order(order)); }
  T fetch_add(T value, std::memory_order order) { return value_($).fetch_add(value, relacy_order(order)); }
  T fetch_sub(T value, std::memory_order order) { return value_($).fetch_sub(value, relacy_order(order)); }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return value_($).compare_exchange_weak(expected, value, relacy_order(success), relacy_order(failure));
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return value_($).compare_exchange_strong(expected, value, relacy_order(success), relacy_order(failure));
  }

 private:
  rl::atomic<T> value_;
};

// Plain data. Relacy reports two threads that use it at once, if one of them writes.
template <class T>
class plain {
 public:
  plain(T value = T{}) : value_{value} {}
  plain& operator=(plain const& other) { return *this = static_cast<T>(other); }
  plain& operator=(T value) {
    value_($) = value;
    return *this;
  }
  operator T() const { return value_($); }

 private:
  rl::var<T> value_;
};

inline bool all_as_expected = true;

// Relacy describes the failing schedule step by step. EQUIPOISE_VERBOSE in the environment prints it.
struct discarding_buffer : std::streambuf {
  int overflow(int c) override { return c; }
};

template <class Model>
rl::test_params run(unsigned schedules) {
  discarding_buffer buffer;
  std::ostream out{std::getenv("EQUIPOISE_VERBOSE") != nullptr ? std::cout.rdbuf() : &buffer};
  rl::test_params params;
  params.iteration_count = schedules;
  params.output_stream = params.progress_stream = &out;
  rl::simulate<Model>(params);
  return params;
}

inline void report(bool good, char const* what, char const* name, rl::test_params const& params) {
  std::printf("%s %s %s: %s, %s %llu\n", good ? "ok    " : "WRONG:", what, name,
              rl::test_result_str(params.test_result),
              params.test_result == rl::test_result_success ? "schedules" : "schedule",
              static_cast<unsigned long long>(params.stop_iteration));
  std::fflush(stdout);
  all_as_expected = all_as_expected && good;
}

template <class Model>
void holds(char const* name, unsigned schedules = 100'000) {
  auto const params = run<Model>(schedules);
  report(params.test_result == rl::test_result_success, "holds ", name, params);
}

// A mutant must be caught because of its effect on the data, not because of a flaw in the model such as a livelock.
template <class Model>
void breaks(char const* name, unsigned schedules = 100'000) {
  auto const params = run<Model>(schedules);
  report(params.test_result == rl::test_result_data_race || params.test_result == rl::test_result_user_assert_failed,
         "breaks", name, params);
}

inline int exit_code() { return all_as_expected ? 0 : 1; }

}  // namespace model
