// SPDX-License-Identifier: MIT
// What a pick is compared with: the minimum that any load balancer does, and the usual ways to share one between
// threads. None of these reads health.
#include <bench.hpp>

#include <shared_mutex>

namespace {

using bench::server;

struct servers {
  std::vector<server> list;
  explicit servers(bench::setup const& s) : list{bench::servers_of(s)} {}
};
std::vector<server> const& servers_of(std::size_t n) { return bench::kept<servers>("", {.backends = n}).list; }

// A thread's own counter and an array: the minimum for round robin.
struct counter {
  std::span<server const> servers;
  std::size_t next = 0;

  server const* select() noexcept {
    if (next == servers.size()) next = 0;
    return &servers[next++];
  }
};

void local_counter(benchmark::State& state, std::size_t n) {
  auto const worker = bench::on_heap(counter{servers_of(n)});
  bench::time(state, n, [&]() BENCH_INLINE { bench::consume(worker->value.select()); });
}

// One counter for all threads.
void shared_counter(benchmark::State& state, std::size_t n) {
  static bench::on_own_lines<std::atomic<std::uint64_t>> next;
  std::span<server const> const all{servers_of(n)};
  bench::time(state, n, [&]() BENCH_INLINE {
    bench::consume(&all[next.value.fetch_add(1, std::memory_order_relaxed) % all.size()]);
  });
}

// A replaceable list behind a lock that readers share.
void shared_mutex(benchmark::State& state, std::size_t n) {
  static std::shared_mutex mutex;
  auto const& list = servers_of(n);
  std::size_t next = 0;
  bench::time(state, n, [&]() BENCH_INLINE {
    std::shared_lock const lock{mutex};
    if (next >= list.size()) next = 0;
    bench::consume(&list[next++]);
  });
}

#if defined(__cpp_lib_atomic_shared_ptr)
// A replaceable list with a reference count.
void atomic_shared_ptr(benchmark::State& state, std::size_t n) {
  static std::atomic<std::shared_ptr<std::vector<server> const>> current;
  if (state.thread_index() == 0) current = std::make_shared<std::vector<server> const>(servers_of(n));
  std::size_t next = 0;
  for (auto _ : state) {
    auto const list = current.load(std::memory_order_acquire);
    if (next >= list->size()) next = 0;
    bench::consume(&(*list)[next++]);
  }
}
#endif

// The minimum for a lease: count it and give it back. Each count has its own cache line and belongs to one thread.
void two_locked(benchmark::State& state, std::size_t n) {
  std::vector<bench::on_own_lines<std::atomic<std::uint32_t>>> counts(n);
  std::size_t next = 0;
  bench::time(state, n, [&]() BENCH_INLINE {
    if (next == counts.size()) next = 0;
    auto& count = counts[next++].value;
    count.fetch_add(1, std::memory_order_seq_cst);
    benchmark::ClobberMemory();
    count.fetch_sub(1, std::memory_order_release);
  });
}

void add(std::string const& subject, std::size_t n, void (*run)(benchmark::State&, std::size_t)) {
  bench::add_threads(bench::name_of("floor", subject, n), [=](benchmark::State& state) { run(state, n); });
}

bool const added = [] {
  for (std::size_t n : bench::all_sizes) add("counter", n, local_counter);
  add("shared_counter", 100, shared_counter);
  add("shared_mutex", 100, shared_mutex);
#if defined(__cpp_lib_atomic_shared_ptr)
  add("atomic_shared_ptr", 100, atomic_shared_ptr);
#endif
  for (std::size_t n : bench::three_sizes) add("two_locked", n, two_locked);
  return true;
}();

}  // namespace
