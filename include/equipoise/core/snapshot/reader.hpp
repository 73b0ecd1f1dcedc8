// SPDX-License-Identifier: MIT
// One worker's hold on the current snapshot of a balancer. It lasts from one look to the next, or until it is released.
#pragma once

#include <equipoise/core/snapshot/snapshot.hpp>

#include <cassert>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Used by one thread at a time; must not outlive the balancer.
class reader {
 public:
  // Takes a short mutex; may throw.
  explicit reader(publisher& balancer)
      : current_{&balancer.current()}, owner_{&balancer}, hazard_{balancer.acquire_hazard_pointer()} {}
  reader(reader&& other) noexcept
      : current_{other.current_}, held_{std::exchange(other.held_, nullptr)},
        protected_{std::exchange(other.protected_, nullptr)}, owner_{other.owner_},
        hazard_{std::exchange(other.hazard_, nullptr)} {}
  reader& operator=(reader&& other) noexcept {
    if (this != &other) {
      if (hazard_ != nullptr) owner_->give_back(hazard_);
      current_ = other.current_;
      held_ = std::exchange(other.held_, nullptr);
      protected_ = std::exchange(other.protected_, nullptr);
      owner_ = other.owner_;
      hazard_ = std::exchange(other.hazard_, nullptr);
    }
    return *this;
  }
  ~reader() {
    if (hazard_ != nullptr) owner_->give_back(hazard_);
  }

  // Comparing pointers is enough: a protected snapshot is not freed, so its address cannot come back as another one.
  EQUIPOISE_INLINE bool is_current() const noexcept { return current_->load(publication_orders::compare) == held_; }
  EQUIPOISE_INLINE snapshot_base const* held() const noexcept { return held_; }

  // Protects the current snapshot instead of the held one. Lock-free, wait-free between publishes.
  void refresh() noexcept {
    assert(hazard_ != nullptr && "equipoise: a moved-from picker was used");
    protected_ = publication_protocol<>::refresh(*current_, hazard_->held);
    held_ = protected_->with_table();
  }

  // The snapshot whose table was in use last, if it is still protected.
  snapshot_base const* table_holder() const noexcept {
    return protected_ != nullptr ? protected_->with_table() : nullptr;
  }
  // Whether the protected snapshot is current, although is_current() is false.
  bool is_protected_current() const noexcept {
    return protected_ != nullptr && current_->load(publication_orders::compare) == protected_;
  }
  // Whether that snapshot is news that left-out members have recovered.
  bool has_news() const noexcept { return protected_ != nullptr && protected_->older != nullptr; }

  // Makes is_current() false, so that the next pick looks twice. The snapshot stays protected. Wait-free.
  void suspend() noexcept { held_ = nullptr; }
  bool is_suspended() const noexcept { return held_ == nullptr; }
  void resume() noexcept { held_ = protected_->with_table(); }

  // Protects nothing any more. Wait-free.
  void release() noexcept {
    held_ = protected_ = nullptr;
    if (hazard_ != nullptr) publication_protocol<>::let_go(hazard_->held);
  }

 private:
  std::atomic<snapshot_base const*> const* current_;
  snapshot_base const* held_ = nullptr;       // has the table; null while suspended
  snapshot_base const* protected_ = nullptr;  // the same, or news of it
  publisher* owner_;
  hazard_pointer* hazard_;  // null once moved from
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
