// What the benchmarks share: backends, keys, sizes, names, and the loops that are timed.
//
//   bench::leaf<maglev_by_hand>(equipoise::maglev{}, bench::up_to(10'000));   // select/…, direct/…, build/… of one
//   policy
//
// Names are kind/subject/backends[/condition]/threads:N. Read `cpu_time`: Google Benchmark adds up the threads' CPU
// time and divides it by all their picks, so it is nanoseconds per pick and thread (`real_time` is divided by the
// threads once more). Every worker, ours or hand-written, lives on the heap as in a service, has cache lines of its
// own, and is warm when the clock starts. The server found is handed on as a pointer, not read: what reading it costs
// is the same for all.
#pragma once

#include <benchmark/benchmark.h>
#include <equipoise/equipoise.hpp>

#include <map>
#include <mutex>
#include <tuple>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

// What is timed must not hide behind a call: the warm-up makes a second use of it, and that is enough to outline it.
#if defined(__GNUC__) || defined(__clang__)
#define BENCH_INLINE __attribute__((always_inline))
#else
#define BENCH_INLINE
#endif

namespace bench {

// --- backends
// ---------------------------------------------------------------------------------------------------------

struct server {
  std::string name;
  std::uint32_t weight = 1;
};
inline std::string_view key_of(server const& s) { return s.name; }
inline std::uint32_t weight_of(server const& s) { return s.weight; }

enum class weights { equal, unequal };  // 1 each; 1 … 5 in turn

// Under which circumstances something is measured.
struct scene {
  std::size_t backends = 3;
  weights weighted = weights::equal;
  bool tenth_down = false;  // every tenth backend, from the first on; not settled, so tables still name them
  std::uint32_t counter_stripes = 1;
  bool observed = false;
  friend auto operator<=>(scene const&, scene const&) = default;
};

inline std::vector<server> servers_of(scene const& s) {
  std::vector<server> all(s.backends);
  for (std::size_t i = 0; i != all.size(); ++i) {
    all[i].name = "10." + std::to_string(i >> 16) + '.' + std::to_string(i >> 8 & 255) + '.' + std::to_string(i & 255);
    if (s.weighted == weights::unequal) all[i].weight = static_cast<std::uint32_t>(1 + i % 5);
  }
  return all;
}

struct pool_of_servers {
  equipoise::pool<server> pool;

  explicit pool_of_servers(scene const& s)
      : pool{{.capacity = static_cast<std::uint32_t>(s.backends),
              .counter_stripes = s.counter_stripes,
              .observations = s.observed}} {
    pool.assign(servers_of(s));
    std::vector<equipoise::backend_id> ids;
    pool.for_each([&](equipoise::backend_id id, auto const&...) { ids.push_back(id); });
    for (std::size_t i = 0; s.tenth_down && i < ids.size(); i += 10) pool.set(ids[i], equipoise::health_flag::down);
  }
};

// Built by whoever asks first and never destroyed: a million backends are not built again for each repetition.
template <class T, class... Arguments>
T& kept(std::string const& name, scene const& s, Arguments const&... arguments) {
  static std::mutex mutex;
  static auto& all = *new std::map<std::pair<std::string, scene>, std::unique_ptr<T>>;
  std::lock_guard const lock{mutex};
  auto& one = all[{name, s}];
  if (one == nullptr) one = std::make_unique<T>(s, arguments...);
  return *one;
}

inline equipoise::pool<server>& pool_of(scene const& s) { return kept<pool_of_servers>("", s).pool; }

template <class P>
struct balancer_of {
  equipoise::balancer<server, P> balancer;
  balancer_of(scene const& s, P const& policy) : balancer{pool_of(s), policy, 1} {}
};

template <class P>
auto& balancer_for(P const& policy, scene const& s) {
  return kept<balancer_of<P>>(equipoise::describe(policy), s, policy).balancer;
}

// --- keys
// -------------------------------------------------------------------------------------------------------------

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

// Made beforehand: integers, or addresses where the policy wants those.
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

// Each thread goes through the keys in turn, from its own place on.
template <class Key>
class key_sequence {
 public:
  explicit key_sequence(benchmark::State const& state) : next_{static_cast<std::size_t>(state.thread_index()) * 2048} {}
  auto const& next() noexcept { return all_[next_++ % key_count]; }

 private:
  std::array<typename key_source<Key>::type, key_count> const& all_{keys<Key>()};
  std::size_t next_;
};

// --- the loops
// --------------------------------------------------------------------------------------------------------

// The same end for every pick: a register that the compiler must fill.
EQUIPOISE_INLINE void consume(server const* s) { benchmark::DoNotOptimize(static_cast<server const* const&>(s)); }

template <class T>
struct alignas(2 * equipoise::detail::cache_line) on_own_lines {
  T value;
};

// A worker's state, where a service would have it.
template <class T>
auto on_heap(T value) {
  return std::make_unique<on_own_lines<T>>(on_own_lines<T>{std::move(value)});
}

template <class Pick>
void time(benchmark::State& state, std::size_t warm_up, Pick pick) {
  for (std::size_t i = 0; i != warm_up; ++i) pick();
  for (auto _ : state) pick();
}

// Ours: `use` is what is done with the picker, with a key or without.
template <class P, class Use>
void time_picker(benchmark::State& state, equipoise::balancer<server, P>& lb, std::size_t warm_up, Use use) {
  auto const worker = on_heap(lb.make_picker());
  auto& picker = worker->value;
  if constexpr (!equipoise::keyed<P> || equipoise::optionally_keyed<P>) {
    bool keyless = true;
    if constexpr (equipoise::optionally_keyed<P>) keyless = !lb.policy().needs_key();
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

// The lease ends at once: what is timed is taking and giving back.
template <class P>
void acquire(benchmark::State& state, equipoise::balancer<server, P>& lb, std::size_t warm_up) {
  time_picker(state, lb, warm_up, [](auto& picker, auto const&... key) BENCH_INLINE {
    if (auto const lease = picker.acquire(key...)) [[likely]]
      consume(lease.operator->());
  });
}

// Hand-written: `Hand` has select(), or select(key).
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

// --- memory
// -----------------------------------------------------------------------------------------------------------

// Bytes allocated now, as the allocator counts them (pages never touched included); 0 where it cannot be asked.
inline double bytes_in_use() {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  auto const m = mallinfo2();
  return static_cast<double>(m.uordblks + m.hblkhd);
#else
  return 0;
#endif
}

// What `make` leaves allocated, for each backend.
template <class Make>
void count_bytes(benchmark::State& state, std::size_t backends, Make make) {
  double const before = bytes_in_use();
  auto const made = make();
  if (before != 0) state.counters["bytes_per_backend"] = (bytes_in_use() - before) / static_cast<double>(backends);
}

// --- registration
// -----------------------------------------------------------------------------------------------------

inline std::string name_of(std::string const& kind, std::string const& subject, std::size_t backends,
                           std::string const& condition = {}) {
  return kind + '/' + subject + '/' + std::to_string(backends) + (condition.empty() ? "" : '/' + condition);
}

template <class Run>
benchmark::internal::Benchmark* add(std::string const& name, Run run) {
  // Threads(1) is what would run anyway; said, it is part of the name.
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

template <class P>
void add_select(P const& policy, scene const& s, std::string const& subject, std::string const& condition = {},
                std::size_t warm_up = 1'000) {
  add_threads(name_of("select", subject, s.backends, condition),
              [=](benchmark::State& state) { select(state, balancer_for(policy, s), warm_up); });
}

template <class P>
void add_acquire(P const& policy, scene const& s, std::string const& subject, std::string const& condition = {},
                 std::size_t warm_up = 1'000) {
  add_threads(name_of("acquire", subject, s.backends, condition),
              [=](benchmark::State& state) { acquire(state, balancer_for(policy, s), warm_up); });
}

// A balancer made and ended on a pool that is there: its table, in the main. Microseconds of one thread.
template <class P>
void add_build(P const& policy, scene const& s, std::string const& subject) {
  add(name_of("build", subject, s.backends), [=](benchmark::State& state) {
    auto& pool = pool_of(s);
    for (auto _ : state) {
      equipoise::balancer<server, P> const built{pool, policy, 1};
      benchmark::DoNotOptimize(&built);
    }
    count_bytes(state, s.backends, [&] { return std::make_unique<equipoise::balancer<server, P>>(pool, policy, 1); });
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace bench
