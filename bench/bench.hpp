// SPDX-License-Identifier: MIT
// What the benchmarks share: backends, keys, sizes, names, and the timed loops.
//
// A name is kind/subject/backends[/condition]/threads:N. `cpu_time` is the number to read. Google Benchmark adds up
// the threads' CPU time and divides it by all their picks, so it is nanoseconds per pick and thread. (`real_time` is
// divided by the number of threads once more.)
//
// Each worker lives on the heap as in a service and has its own cache lines. It is warm when the clock starts. The
// loops pass the found server on as a pointer and do not read it, because reading it costs the same for every policy.
#pragma once

#include <benchmark/benchmark.h>
#include <equipoise/equipoise.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

// Forces a timed function inline. The warm-up calls it a second time, and two callers are enough for the compiler to
// make it a function call.
#if defined(__GNUC__) || defined(__clang__)
#define BENCH_INLINE __attribute__((always_inline))
#else
#define BENCH_INLINE
#endif

namespace bench {

// --- backends ---

struct server {
  std::string name;
  std::uint32_t weight = 1;
};
inline std::string_view key_of(server const& s) { return s.name; }
inline std::uint32_t weight_of(server const& s) { return s.weight; }

enum class weights { equal, unequal };  // 1 each; 1 … 5 in turn

// The pool that something is measured on.
struct setup {
  std::size_t backends = 3;
  weights weighted = weights::equal;
  bool tenth_down = false;  // every tenth backend from the first on; no refresh(), so the tables still list them
  std::uint32_t counter_stripes = 1;
  bool observed = false;
  friend auto operator<=>(setup const&, setup const&) = default;
};

inline std::vector<server> servers_of(setup const& s) {
  std::vector<server> all(s.backends);
  for (std::size_t i = 0; i != all.size(); ++i) {
    all[i].name = "10." + std::to_string(i >> 16) + '.' + std::to_string(i >> 8 & 255) + '.' + std::to_string(i & 255);
    if (s.weighted == weights::unequal) all[i].weight = static_cast<std::uint32_t>(1 + i % 5);
  }
  return all;
}

struct pool_of_servers {
  equipoise::pool<server> pool;

  explicit pool_of_servers(setup const& s)
      : pool{{.capacity = static_cast<std::uint32_t>(s.backends),
              .counter_stripes = s.counter_stripes,
              .observations = s.observed}} {
    pool.assign(servers_of(s));
    std::vector<equipoise::backend_id> ids;
    pool.for_each([&](equipoise::backend_id id, auto const&...) { ids.push_back(id); });
    for (std::size_t i = 0; s.tenth_down && i < ids.size(); i += 10) pool.set(ids[i], equipoise::health_flag::down);
  }
};

// Builds a T at the first call and never destroys it, so that the repetitions share a pool of a million backends.
template <class T, class... Arguments>
T& kept(std::string const& name, setup const& s, Arguments const&... arguments) {
  static std::mutex mutex;
  static auto& all = *new std::map<std::pair<std::string, setup>, std::unique_ptr<T>>;
  std::lock_guard const lock{mutex};
  auto& one = all[{name, s}];
  if (one == nullptr) one = std::make_unique<T>(s, arguments...);
  return *one;
}

inline equipoise::pool<server>& pool_of(setup const& s) { return kept<pool_of_servers>("", s).pool; }

template <class P>
struct balancer_of {
  equipoise::balancer<server, P> balancer;
  balancer_of(setup const& s, P const& policy) : balancer{pool_of(s), policy, 1} {}
};

template <class P>
auto& balancer_for(P const& policy, setup const& s) {
  return kept<balancer_of<P>>(equipoise::describe(policy), s, policy).balancer;
}

// --- keys ---

inline constexpr std::size_t key_count = 4096;

inline std::uint64_t random_number(std::size_t i) { return equipoise::mix(i * equipoise::golden_gamma); }

template <class Key>
struct key_source {
  using type = std::uint64_t;
  static type make(std::size_t i) { return random_number(i); }
};
template <>
struct key_source<equipoise::integer_key> {
  using type = std::int64_t;
  static type make(std::size_t i) { return static_cast<type>(random_number(i)); }
};
template <>
struct key_source<equipoise::address> {
  using type = equipoise::address;
  static type make(std::size_t i) {
    std::uint64_t const r = random_number(i);
    return type::v4({static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(r >> 8),
                     static_cast<std::uint8_t>(r >> 16), static_cast<std::uint8_t>(r >> 24)});
  }
};

// The keys, made before the clock starts: integers, or addresses if the policy takes addresses.
template <class Key>
auto const& keys() {
  using source = key_source<Key>;
  static auto const all = [] {
    std::array<typename source::type, key_count> made;
    for (std::size_t i = 0; i != made.size(); ++i) made[i] = source::make(i);
    return made;
  }();
  return all;
}

// Yields the keys in turn. Each thread starts at another key.
template <class Key>
class key_sequence {
 public:
  explicit key_sequence(benchmark::State const& state) : next_{static_cast<std::size_t>(state.thread_index()) * 2048} {}
  auto const& next() noexcept { return all_[next_++ % key_count]; }

 private:
  std::array<typename key_source<Key>::type, key_count> const& all_{keys<Key>()};
  std::size_t next_;
};

// --- the loops ---

// Ends each pick in the same way: the compiler must put the pointer into a register.
EQUIPOISE_INLINE void consume(server const* s) { benchmark::DoNotOptimize(static_cast<server const* const&>(s)); }

template <class T>
struct alignas(2 * equipoise::detail::cache_line) on_own_lines {
  T value;
};

// Puts a worker's state where a service would have it.
template <class T>
auto on_heap(T value) {
  return std::make_unique<on_own_lines<T>>(on_own_lines<T>{std::move(value)});
}

template <class Pick>
void time(benchmark::State& state, std::size_t warm_up, Pick pick) {
  for (std::size_t i = 0; i != warm_up; ++i) pick();
  for (auto _ : state) pick();
}

// Times the library: calls use(picker) or use(picker, key), as the policy demands.
template <class P, class Use>
void time_picker(benchmark::State& state, equipoise::balancer<server, P>& lb, std::size_t warm_up, Use use) {
  auto const worker = on_heap(lb.make_picker());
  auto& picker = worker->value;
  if constexpr (!equipoise::keyed<P> || equipoise::optionally_keyed<P>) {
    bool keyless = true;
    if constexpr (equipoise::optionally_keyed<P>) keyless = !equipoise::needs_key(lb.policy());
    if (keyless) return time(state, warm_up, [&]() BENCH_INLINE { use(picker); });
  }
  if constexpr (equipoise::keyed<P>) {
    key_sequence<equipoise::key_of_policy<P>> keys{state};
    time(state, warm_up, [&]() BENCH_INLINE { use(picker, keys.next()); });
  }
}

template <class P>
void select(benchmark::State& state, equipoise::balancer<server, P>& lb, std::size_t warm_up) {
  time_picker(state, lb, warm_up, [](auto& picker, auto const&... key) BENCH_INLINE {
    if (auto const choice = picker.select(key...)) [[likely]]
      consume(choice.operator->());
  });
}

// Each lease ends at once, so a pick is one acquire and one release.
template <class P>
void acquire(benchmark::State& state, equipoise::balancer<server, P>& lb, std::size_t warm_up) {
  time_picker(state, lb, warm_up, [](auto& picker, auto const&... key) BENCH_INLINE {
    if (auto const lease = picker.acquire(key...)) [[likely]]
      consume(lease.operator->());
  });
}

// Times hand-written code: `Hand` has select(), or select(key).
template <class Hand, class Key>
void direct(benchmark::State& state, Hand const& prototype, std::size_t warm_up) {
  auto const worker = on_heap(prototype);
  auto& hand = worker->value;
  if constexpr (std::same_as<Key, equipoise::no_key>) {
    time(state, warm_up, [&]() BENCH_INLINE {
      if (server const* const found = hand.select()) [[likely]]
        consume(found);
    });
  } else {
    key_sequence<Key> keys{state};
    time(state, warm_up, [&]() BENCH_INLINE {
      if (server const* const found = hand.select(keys.next())) [[likely]]
        consume(found);
    });
  }
}

// --- memory ---

// The bytes allocated now, as the allocator counts them, including pages that were never touched. 0 if the allocator
// has no such count.
inline double bytes_in_use() {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  auto const m = mallinfo2();
  return static_cast<double>(m.uordblks + m.hblkhd);
#else
  return 0;
#endif
}

// Counts the bytes that the result of `make` occupies, per backend.
template <class Make>
void count_bytes(benchmark::State& state, std::size_t backends, Make make) {
  double const before = bytes_in_use();
  auto const made = make();
  if (before != 0) state.counters["bytes_per_backend"] = (bytes_in_use() - before) / static_cast<double>(backends);
}

// --- registration ---

// A policy as benchmarks name it. One whose text lists every backend goes by its name alone.
template <class P>
std::string subject_of(P const& policy) {
  std::string const text = equipoise::describe(policy);
  if constexpr (requires { P::name; })
    if (text.size() > 100) return std::string{P::name};
  return text;
}

inline std::string name_of(std::string const& kind, std::string const& subject, std::size_t backends,
                           std::string const& condition = {}) {
  return kind + '/' + subject + '/' + std::to_string(backends) + (condition.empty() ? "" : '/' + condition);
}

template <class Run>
benchmark::internal::Benchmark* add(std::string const& name, Run run) {
  // One thread is the default, but only an explicit Threads(1) becomes part of the name.
  return benchmark::RegisterBenchmark(name.c_str(), [run](benchmark::State& state) { run(state); })->Threads(1);
}
template <class Run>
void add_threads(std::string const& name, Run run) {
  add(name, run)->Threads(2);
}

using sizes = std::vector<std::size_t>;
inline sizes up_to(std::size_t most) {
  sizes some;
  for (std::size_t n : sizes{3, 100, 1'000, 10'000, 100'000, 1'000'000})
    if (n <= most) some.push_back(n);
  return some;
}
inline sizes const all_sizes = up_to(1'000'000);
inline sizes const three_sizes{3, 100, 10'000};

// How a policy is measured. A policy that differs from the defaults is listed below.
struct plan {
  std::size_t largest = 1'000'000;  // backends
  weights weighted = weights::equal;
  bool scans = false;  // a pick reads all members, so one pick warms the cache
};
template <class P>
inline constexpr plan plan_of{};
template <>
inline constexpr plan plan_of<equipoise::weighted_round_robin>{.weighted = weights::unequal};
template <>
inline constexpr plan plan_of<equipoise::smooth_weighted_round_robin>{.weighted = weights::unequal};
template <>
inline constexpr plan plan_of<equipoise::weighted_random>{.weighted = weights::unequal};
template <>
inline constexpr plan plan_of<equipoise::least_connections>{.scans = true};
template <class Hash>
inline constexpr plan plan_of<equipoise::ring_hash<Hash>>{.largest = 10'000};
template <class Hash>
inline constexpr plan plan_of<equipoise::maglev<Hash>>{.largest = 10'000};

// The picks before the clock starts: one for each backend, because a large table is only warm after one round.
template <class P>
std::size_t warm_up_of(std::size_t backends) {
  return plan_of<P>.scans ? 1 : std::max<std::size_t>(backends, 1'000);
}

template <class P>
void add_select(P const& policy, setup const& s, std::string const& subject, std::string const& condition = {},
                std::size_t warm_up = 1'000) {
  add_threads(name_of("select", subject, s.backends, condition),
              [=](benchmark::State& state) { select(state, balancer_for(policy, s), warm_up); });
}

template <class P>
void add_acquire(P const& policy, setup const& s, std::string const& subject, std::string const& condition = {},
                 std::size_t warm_up = 1'000) {
  add_threads(name_of("acquire", subject, s.backends, condition),
              [=](benchmark::State& state) { acquire(state, balancer_for(policy, s), warm_up); });
}

// Times making and destroying a balancer on an existing pool, in microseconds of one thread. Most of it is the table.
template <class P>
void add_build(P const& policy, setup const& s, std::string const& subject) {
  add(name_of("build", subject, s.backends), [=](benchmark::State& state) {
    auto& pool = pool_of(s);
    for (auto _ : state) {
      equipoise::balancer<server, P> const built{pool, policy, 1};
      benchmark::DoNotOptimize(&built);
    }
    count_bytes(state, s.backends, [&] { return std::make_unique<equipoise::balancer<server, P>>(pool, policy, 1); });
  })->Unit(benchmark::kMicrosecond);
}

// The select and build benchmarks of a policy on n backends.
template <class P>
void add_policy(P const& policy, std::size_t n) {
  setup const s{.backends = n, .weighted = plan_of<P>.weighted};
  auto const subject = subject_of(policy);
  add_select(policy, s, subject, {}, warm_up_of<P>(n));
  if (n > 3) add_build(policy, s, subject);
}

// The select and acquire benchmarks of a composition.
template <class P>
void add_composition(P const& policy) {
  for (std::size_t n : three_sizes) {
    add_select(policy, {.backends = n}, subject_of(policy));
    add_acquire(policy, {.backends = n}, subject_of(policy));
  }
}

}  // namespace bench
