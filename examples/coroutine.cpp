// SPDX-License-Identifier: MIT
// A picker in C++20 coroutines. Each request is a coroutine that picks a backend and waits for its answer. After a
// failure it picks another backend, never the same one twice.
//
// A small event loop simulates the time, so the program ends at once and always prints the same.
#include <equipoise/equipoise.hpp>

#include <fmt/format.h>

#include <chrono>
#include <coroutine>
#include <exception>
#include <queue>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

// --- a very small event loop ---

class event_loop {
 public:
  equipoise::time_point now() const noexcept { return now_; }

  // co_await loop.after(3ms)
  auto after(std::chrono::nanoseconds time) {
    struct awaiter {
      event_loop& loop;
      equipoise::time_point at;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> caller) { loop.waiting_.push({at, loop.order_++, caller}); }
      void await_resume() const noexcept {}
    };
    return awaiter{*this, now_ + time};
  }

  void run() {
    while (!waiting_.empty()) {
      auto const next = waiting_.top();
      waiting_.pop();
      now_ = next.at;
      next.coroutine.resume();
    }
  }

 private:
  struct entry {
    equipoise::time_point at;
    std::uint64_t order;
    std::coroutine_handle<> coroutine;
    bool operator<(entry const& other) const { return std::pair{at, order} > std::pair{other.at, other.order}; }
  };
  std::priority_queue<entry> waiting_;
  std::uint64_t order_ = 0;
  equipoise::time_point now_{1s};
};

// A coroutine that runs on its own. Its frame is destroyed when it ends.
struct detached {
  struct promise_type {
    detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// --- the backends and the requests ---

struct server {
  std::string name;
  std::chrono::nanoseconds service;
  bool broken = false;
};
std::string_view key_of(server const& s) { return s.name; }

struct totals {
  int answered = 0, retried = 0, failed = 0;
  std::vector<std::pair<std::string, int>> by_server;

  void count(std::string const& name) {
    for (auto& [known, n] : by_server)
      if (known == name) return void(++n);
    by_server.emplace_back(name, 1);
  }
};

template <class Picker>
detached request(event_loop& loop, equipoise::pool<server>& pool, Picker& picker, totals& sum) {
  std::vector<equipoise::backend_id> excluded;
  while (excluded.size() < 3) {
    auto lease = picker.acquire({.now = loop.now(), .excluded = excluded});
    if (!lease) break;  // lease.error() tells whether all backends are down, full or excluded
    co_await loop.after(lease->service);
    if (!lease->broken) {
      sum.count(lease->name);
      lease.finish(equipoise::outcome::ok, loop.now());
      ++sum.answered;
      co_return;
    }
    auto const id = lease.id();
    lease.finish(equipoise::outcome::error, loop.now());
    if (pool.observed(id)->consecutive_failures >= 5) pool.set(id, equipoise::health_flag::ejected);
    excluded.push_back(id);
    ++sum.retried;
  }
  ++sum.failed;
}

template <class Picker>
detached clients(event_loop& loop, equipoise::pool<server>& pool, Picker& picker, totals& sum) {
  for (int i = 0; i != 1000; ++i) {
    request(loop, pool, picker, sum);
    co_await loop.after(1ms);
  }
}

}  // namespace

int main() {
  equipoise::pool<server> pool{{.observations = true}};
  pool.add({"fast", 2ms});
  pool.add({"medium", 4ms});
  pool.add({"slow", 16ms});
  auto const broken = pool.add({"broken", 1ms, true});
  equipoise::balancer balancer{pool, equipoise::least_connections{}, 0};
  auto picker = balancer.make_picker();  // one picker is enough, because all coroutines run on one thread

  event_loop loop;
  totals sum;
  clients(loop, pool, picker, sum);
  loop.run();

  for (auto const& [name, n] : sum.by_server) fmt::print("{:9} {:4} answers\n", name, n);
  fmt::print("{} answered, {} attempts repeated on another backend, {} failed; broken is {}\n", sum.answered,
             sum.retried, sum.failed, equipoise::to_string(pool.health(broken)));
  fmt::print("{}\n", picker.explain().text());
  return sum.failed == 0 ? 0 : 1;
}
