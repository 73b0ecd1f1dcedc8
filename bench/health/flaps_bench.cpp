// SPDX-License-Identifier: MIT
// Picks from six subsets of 10 000 backends while a thread makes a thousand backends a second go down and come up, and
// refreshes the tables ten times a second. The counters are the slowest thousandth of the picks, with and without that
// thread, in nanoseconds, and the share of a core that the thread uses.
#include <bench.hpp>

#include <pthread.h>
#include <time.h>

#include <thread>

namespace {

using namespace equipoise;
using steady = std::chrono::steady_clock;

constexpr std::size_t backends = 10'000, groups = 6, rounds = 7, picks = 200'000;

struct grouped {
  std::string name, group;
};
std::string_view key_of(grouped const& s) { return s.name; }
labels labels_of(grouped const& s) { return {{"group", s.group}}; }

double cpu_seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class P>
struct fixture {
  pool<grouped> servers{{.capacity = backends}};
  std::vector<std::unique_ptr<balancer<grouped, subset<P>>>> balancers;
  std::vector<backend_id> ids;

  explicit fixture(P const& policy) {
    std::vector<grouped> all(backends);
    for (std::size_t i = 0; i != backends; ++i) all[i] = {"s" + std::to_string(i), std::to_string(i % groups)};
    servers.assign(all);
    servers.for_each([&](backend_id id, auto const&...) { ids.push_back(id); });
    for (std::size_t g = 0; g != groups; ++g)
      balancers.push_back(std::make_unique<balancer<grouped, subset<P>>>(
          servers, subset{"group=" + std::to_string(g), policy, subset_fallback::none}, g + 1));
  }
};

// Flaps a thousand times a second until it is destroyed. Says how much of a core that took.
template <class P>
class flapping {
 public:
  flapping(fixture<P>& f, double& share)
      : share_{share}, thread_{[this, &f] {
          auto const begin = steady::now();
          clockid_t own{};
          pthread_getcpuclockid(pthread_self(), &own);
          auto next = begin;
          for (std::size_t turn = 0; !stop_.load(std::memory_order_relaxed); ++turn) {
            f.servers.set(f.ids[turn * 97 % backends], health_flag::down);
            f.servers.clear(f.ids[(turn + backends - 50) * 97 % backends], health_flag::down);  // 50 are down at a time
            if (turn % 100 == 0) f.servers.refresh();
            std::this_thread::sleep_until(next += std::chrono::milliseconds{1});
          }
          share_ = cpu_seconds(own) / std::chrono::duration<double>(steady::now() - begin).count();
        }} {}
  ~flapping() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  double& share_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// The slowest thousandth of the picks, in nanoseconds, the clock's own time included.
template <class P>
double slowest_thousandth(std::vector<picker<grouped, subset<P>>>& pickers) {
  std::vector<std::int64_t> times(picks);
  auto before = steady::now();
  for (std::size_t i = 0; i != picks; ++i) {
    grouped const* found = nullptr;
    if constexpr (keyed<P>)
      found = pickers[i % groups].select(bench::random_number(i)).operator->();
    else
      found = pickers[i % groups].select().operator->();
    benchmark::DoNotOptimize(found);
    auto const now = steady::now();
    times[i] = (now - before).count();
    before = now;
  }
  auto const at = times.begin() + picks * 999 / 1000;
  std::nth_element(times.begin(), at, times.end());
  return static_cast<double>(*at);
}

double median(std::vector<double> all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

template <class P>
void flaps(benchmark::State& state, P const& policy) {
  fixture<P> f{policy};
  std::vector<picker<grouped, subset<P>>> pickers;
  for (auto& b : f.balancers) pickers.push_back(b->make_picker());
  slowest_thousandth(pickers);
  for (auto _ : state) {
    std::vector<double> quiet, busy, shares;
    for (std::size_t i = 0; i != rounds; ++i) {
      quiet.push_back(slowest_thousandth(pickers));
      double share = 0;
      {
        flapping<P> const changes{f, share};
        for (int k = 0; k != 20; ++k) busy.push_back(slowest_thousandth(pickers));
      }
      shares.push_back(share);
    }
    state.counters["p999_quiet_ns"] = median(quiet);
    state.counters["p999_flapping_ns"] = median(busy);
    state.counters["writer_share_of_a_core"] = median(shares);
  }
}

template <class P>
void add(P const& policy) {
  bench::add(bench::name_of("flaps", "subset{" + describe(policy) + "}", backends), [=](benchmark::State& state) {
    flaps(state, policy);
  })->Iterations(1);
}

bool const added = [] {
  add(round_robin{});
  add(maglev{});
  return true;
}();

}  // namespace
