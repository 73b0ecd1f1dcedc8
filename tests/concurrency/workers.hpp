// SPDX-License-Identifier: MIT
// What the concurrency tests share. Each test finds faults with its own checks, with the thread sanitizer, or with
// both. What a test counts across threads is relaxed, because it must not order what the library has to order.
#pragma once

#include "catch.hpp"
#include "support.hpp"

#include <equipoise/equipoise.hpp>

#include <array>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace workers {

inline constexpr auto relaxed = std::memory_order_relaxed;

// Counts events of all threads.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { n_.fetch_add(n, relaxed); }
  std::uint64_t count() const noexcept { return n_.load(relaxed); }

 private:
  std::atomic<std::uint64_t> n_{0};
};

// Runs write() on this thread and work(worker, go_on) on each of `count` others. The writer has a fixed amount to do.
// A worker continues while go_on(turns) is true, where `turns` says how often it did its work. That is until the writer
// is done, and for 200 turns in any case.
template <class Writer, class Worker>
void run_with_writer(unsigned count, Writer&& write, Worker&& work) {
  std::latch start{static_cast<std::ptrdiff_t>(count) + 1};
  std::atomic<bool> done{false};
  auto const go_on = [&done](std::uint64_t turns) noexcept { return turns < 200 || !done.load(relaxed); };
  std::vector<std::thread> threads;
  for (unsigned w = 0; w != count; ++w)
    threads.emplace_back([&, w] {
      start.arrive_and_wait();
      work(w, go_on);
    });
  start.arrive_and_wait();
  write();
  done.store(true, relaxed);
  for (auto& t : threads) t.join();
}

// Calls f with every policy of the library, and with every composition around round robin.
template <class F>
void for_each_standard_policy(F&& f) {
  equipoise::for_each_policy(equipoise::standard_policies{}, f);
  equipoise::for_each_composition(equipoise::standard_compositions{}, [&]<template <class> class Composition>() {
    f(Composition<equipoise::round_robin>{equipoise::round_robin{}});
  });
}

// The backend of most tests.
struct backend {
  std::string name;
  std::size_t number = 0;
  friend bool operator==(backend const&, backend const&) = default;
};
inline std::string_view key_of(backend const& b) { return b.name; }

// What happened to the tracked backends of one test.
struct lifetime_log {
  static constexpr std::size_t most_backends = 1 << 16;
  // The choices and leases on each backend at this moment, by its number.
  std::vector<std::atomic<int>> users = std::vector<std::atomic<int>>(most_backends);
  counter destroyed_in_use;
  counter destroyed;
};

// A backend object that knows whether it is alive, and that logs whether it was in use when it was destroyed.
class tracked_backend {
 public:
  tracked_backend(std::string name, std::uint32_t number, lifetime_log& log)
      : name_{std::move(name)}, number_{number}, log_{&log}, canary_{alive} {}
  tracked_backend(tracked_backend&& other) noexcept
      : name_{std::move(other.name_)}, number_{other.number_}, log_{std::exchange(other.log_, nullptr)},
        canary_{std::exchange(other.canary_, 0)} {}
  tracked_backend& operator=(tracked_backend&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  ~tracked_backend() {
    canary_ = 0;
    if (log_ == nullptr) return;
    log_->destroyed.add();
    if (log_->users[number_].load(relaxed) != 0) log_->destroyed_in_use.add();
  }

  std::string_view key() const noexcept { return name_; }
  std::uint32_t number() const noexcept { return number_; }
  bool is_alive() const noexcept { return canary_ == alive && !name_.empty(); }
  void stop_tracking() noexcept { log_ = nullptr; }
  bool operator==(tracked_backend const& other) const noexcept { return number_ == other.number_; }

  // The backend must not be destroyed while one of these exists.
  class use {
   public:
    explicit use(tracked_backend const& b) noexcept : users_{&b.log_->users[b.number_]} {
      users_->fetch_add(1, relaxed);
    }
    use(use&& other) noexcept : users_{std::exchange(other.users_, nullptr)} {}
    use& operator=(use&& other) noexcept {
      std::swap(users_, other.users_);
      return *this;
    }
    ~use() {
      if (users_ != nullptr) users_->fetch_sub(1, relaxed);
    }

   private:
    std::atomic<int>* users_;
  };

 private:
  static constexpr std::uint32_t alive = 0xA11FE;
  std::string name_;
  std::uint32_t number_;
  lifetime_log* log_;
  std::uint32_t canary_;
};

}  // namespace workers
