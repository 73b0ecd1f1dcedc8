// SPDX-License-Identifier: MIT
// The mutex of a pool's control plane, with one request that may be made without taking it: the thread that holds
// the lock answers it when it lets go.
#pragma once

#include <equipoise/core/platform.hpp>

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

using control_lock = basic_control_lock<std::atomic<bool>, std::mutex>;

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
