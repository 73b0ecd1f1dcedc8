// SPDX-License-Identifier: MIT
// What a pick costs while another thread marks backends down and up, or publishes. Compare with select/round_robin of
// the same size.
#include <bench.hpp>

#include <thread>

namespace {

// Calls `change` a thousand times a second while it lives.
class churn {
 public:
  template <class Change>
  explicit churn(Change change)
      : thread_{[this, change]() mutable {
          auto next = std::chrono::steady_clock::now();
          while (!stop_.load(std::memory_order_relaxed)) {
            change();
            std::this_thread::sleep_until(next += std::chrono::milliseconds{1});
          }
        }} {}
  ~churn() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::vector<equipoise::backend_id> ids_of(equipoise::pool<bench::server> const& pool) {
  std::vector<equipoise::backend_id> ids;
  pool.for_each([&](equipoise::backend_id id, auto const&...) { ids.push_back(id); });
  return ids;
}

// Has its own pool, because other benchmarks share the kept ones and must not see the changes.
struct changing {
  bench::pool_of_servers own;
  equipoise::balancer<bench::server, equipoise::round_robin> balancer{own.pool, equipoise::round_robin{}, 1};
  std::vector<equipoise::backend_id> ids{ids_of(own.pool)};
  explicit changing(bench::setup const& s) : own{s} {}
};

template <class Change>
void under(benchmark::State& state, std::size_t n, Change change) {
  auto& c = bench::kept<changing>("", {.backends = n});
  std::unique_ptr<churn> changes;
  if (state.thread_index() == 0)
    changes = std::make_unique<churn>([&c, change, turn = std::size_t{0}]() mutable { change(c, turn++); });
  bench::select(state, c.balancer, std::max<std::size_t>(n, 1'000));
}

bool const added = [] {
  // Marks a backend down and at once up again, each time another one. The benchmarks down10 measure picks with backends
  // that stay down.
  for (std::size_t n : bench::all_sizes)
    bench::add_threads(bench::name_of("select", "round_robin", n, "words1000"), [=](benchmark::State& state) {
      under(state, n, [](changing& c, std::size_t turn) {
        auto const id = c.ids[turn * 97 % c.ids.size()];
        c.own.pool.set(id, equipoise::health_flag::down);
        c.own.pool.clear(id, equipoise::health_flag::down);
      });
    });
  // Changes a weight, so the library lists every member again.
  for (std::size_t n : bench::up_to(10'000))
    bench::add_threads(bench::name_of("select", "round_robin", n, "publish1000"), [=](benchmark::State& state) {
      under(state, n, [](changing& c, std::size_t turn) {
        c.own.pool.update(c.ids[turn / 2 * 97 % c.ids.size()], {.weight = static_cast<std::uint32_t>(2 - turn % 2)});
      });
    });
  return true;
}();

}  // namespace
