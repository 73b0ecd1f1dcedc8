// What the concurrency tests share. They find what they look for by themselves, by the thread sanitizer, or both; so
// what the tests count across threads is relaxed: it must not order what the library has to order.
#pragma once

#include "catch.hpp"

#include <equipoise/equipoise.hpp>

#include <array>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace crowd {

inline constexpr auto relaxed = std::memory_order_relaxed;

// Counts what must not happen, or must.
class tally {
 public:
  void add(std::uint64_t n = 1) noexcept { n_.fetch_add(n, relaxed); }
  std::uint64_t count() const noexcept { return n_.load(relaxed); }

 private:
  std::atomic<std::uint64_t> n_{0};
};

// One writer has a fixed amount to do; the workers go on until it is done, and do a little in any case.
class shift {
 public:
  template <class Writer, class Worker>
  void run(unsigned workers, Writer&& write, Worker&& work) {
    std::latch line{static_cast<std::ptrdiff_t>(workers) + 1};
    std::vector<std::thread> threads;
    for (unsigned w = 0; w != workers; ++w)
      threads.emplace_back([&, w] {
        line.arrive_and_wait();
        work(w);
      });
    line.arrive_and_wait();
    write();
    over_.store(true, relaxed);
    for (auto& t : threads) t.join();
  }

  // Whether a worker that has done `turns` goes on.
  bool goes_on(std::uint64_t turns) const noexcept { return turns < 200 || !over_.load(relaxed); }

 private:
  std::atomic<bool> over_{false};
};

// A backend object that knows whether it lives, and whether somebody was looking at it when it died.
struct guest_book {
  static constexpr std::size_t pages = 1 << 16;
  std::vector<std::atomic<int>> readers =
      std::vector<std::atomic<int>>(pages);  // of each guest: choices and leases at this moment
  tally died_under_a_reader;
  tally deaths;
};

class guest {
 public:
  guest(std::string name, std::uint32_t number, guest_book& book)
      : name_{std::move(name)}, number_{number}, book_{&book}, canary_{alive} {}
  guest(guest&& other) noexcept
      : name_{std::move(other.name_)}, number_{other.number_}, book_{std::exchange(other.book_, nullptr)},
        canary_{std::exchange(other.canary_, 0)} {}
  guest& operator=(guest&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  ~guest() {
    canary_ = 0;
    if (book_ == nullptr) return;
    book_->deaths.add();
    if (book_->readers[number_].load(relaxed) != 0) book_->died_under_a_reader.add();
  }

  std::string_view key() const noexcept { return name_; }
  std::uint32_t number() const noexcept { return number_; }
  bool is_alive() const noexcept { return canary_ == alive && !name_.empty(); }
  void leave() noexcept { book_ = nullptr; }
  bool operator==(guest const& other) const noexcept { return number_ == other.number_; }

  // While one of these lives, the guest must.
  class reading {
   public:
    explicit reading(guest const& g) noexcept : readers_{&g.book_->readers[g.number_]} {
      readers_->fetch_add(1, relaxed);
    }
    reading(reading&& other) noexcept : readers_{std::exchange(other.readers_, nullptr)} {}
    reading& operator=(reading&& other) noexcept {
      std::swap(readers_, other.readers_);
      return *this;
    }
    ~reading() {
      if (readers_ != nullptr) readers_->fetch_sub(1, relaxed);
    }

   private:
    std::atomic<int>* readers_;
  };

 private:
  static constexpr std::uint32_t alive = 0xA11FE;
  std::string name_;
  std::uint32_t number_;
  guest_book* book_;
  std::uint32_t canary_;
};

}  // namespace crowd
