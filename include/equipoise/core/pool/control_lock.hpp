// SPDX-License-Identifier: MIT
// The mutex of a pool's control plane, with one request that may be made without taking it: the thread that holds
// the lock answers it when it lets go.
#pragma once

#include <equipoise/core/error.hpp>
#include <equipoise/core/platform.hpp>

#include <cassert>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// `answer(context)` runs with the lock held. It must be quick, and must not throw. (A template on the atomic and the
// mutex for the model checker.)
template <class Flag, class Mutex>
class basic_control_lock {
  static constexpr auto order = std::memory_order_seq_cst;  // of two flags, either thread sees what the other wrote

 public:
  basic_control_lock(void (*answer)(void*) noexcept, void* context) noexcept : answer_{answer}, context_{context} {}
  basic_control_lock(basic_control_lock const&) = delete;
  basic_control_lock& operator=(basic_control_lock const&) = delete;

  // Blocking.
  void lock() {
    mutex_.lock();
    while (busy_.exchange(true, order)) yield();  // an answer is being given, which is quick
  }
  void unlock() noexcept {
    busy_.store(false, order);
    mutex_.unlock();
    answer_requests();
  }

  // The answer is given before this returns, or by the thread that holds the lock, or answers, at the moment.
  // Lock-free.
  void request() noexcept {
    requested_.store(true, order);
    answer_requests();
  }

 protected:
  // Either this thread gets `busy_`, or the thread that has it looks at `requested_` after it has let go.
  void answer_requests() noexcept {
    while (requested_.load(order) && !busy_.exchange(true, order)) {
      requested_.store(false, order);
      answer_(context_);
      busy_.store(false, order);
    }
  }

  Mutex& mutex() noexcept { return mutex_; }
  Flag& busy() noexcept { return busy_; }
  Flag& requested() noexcept { return requested_; }

 private:
  Mutex mutex_;
  Flag busy_{};
  Flag requested_{};
  void (*answer_)(void*) noexcept;
  void* context_;
};

// Knows its owner, so that a thread that would wait for itself is told so.
class control_lock : basic_control_lock<std::atomic<bool>, std::mutex> {
  using base = basic_control_lock<std::atomic<bool>, std::mutex>;

 public:
  using base::base, base::request;

  // What is wrong if this thread holds the lock already; else an empty text. `function` is that which takes it.
  std::string mistake(char const* function) const {
    if (!is_held_here()) return {};
    return std::string{"equipoise: "} + function +
           "() is called from within a function that the pool runs under its lock (that of change() or for_each(), a "
           "policy's build(), a backend's attributes), and would wait for itself";
  }
  // Fails with that.
  void lock(char const* function) {
    if (std::string const why = mistake(function); !why.empty()) fail(why);
    take();
  }
  // For a destructor, which cannot fail: a build with assertions stops instead.
  void lock() noexcept {
    assert(!is_held_here() && "equipoise: a balancer ends within a function that its pool runs under its lock");
    take();
  }
  void unlock() noexcept {
    owner_.store(nullptr, std::memory_order_relaxed);
    base::unlock();
  }

 private:
  static void const* this_thread() noexcept {
    static thread_local char its_own;
    return &its_own;
  }
  bool is_held_here() const noexcept { return owner_.load(std::memory_order_relaxed) == this_thread(); }
  void take() {
    base::lock();
    owner_.store(this_thread(), std::memory_order_relaxed);
  }

  std::atomic<void const*> owner_{nullptr};  // only its own value means something to a thread
};

class [[nodiscard]] control_guard {
 public:
  control_guard(control_lock& lock, char const* function) : lock_{lock} { lock_.lock(function); }
  explicit control_guard(control_lock& lock) noexcept : lock_{lock} { lock_.lock(); }
  control_guard(control_guard const&) = delete;
  control_guard& operator=(control_guard const&) = delete;
  ~control_guard() { lock_.unlock(); }

 private:
  control_lock& lock_;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
