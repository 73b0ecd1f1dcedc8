// SPDX-License-Identifier: MIT
// Immutable lists of members, the snapshots that balancers build from them, and the hazard pointers that keep both
// alive.
#pragma once

#include <equipoise/core/member.hpp>
#include <equipoise/core/platform.hpp>
#include <equipoise/core/policy/policy_driver.hpp>
#include <equipoise/core/snapshot/publication_protocol.hpp>
#include <equipoise/core/snapshot/retired_list.hpp>

#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
class membership;

// One published membership, shared by all balancers of a pool.
class member_list {
 public:
  std::vector<member> all;     // in the order in which they joined
  std::uint64_t sequence = 0;  // counts publishes
  std::uint32_t users = 0;     // snapshots built from it, and the pool while it is current; guarded by the pool's mutex
  owned<member_list> next;     // in the list of retired or of reclaimed ones

  // All members with a positive weight. Keyed policies build from these, so that a key keeps its owner while it is
  // down.
  members_view weighted() const noexcept {
    auto const& these = all_weighted_ ? all : weighted_;
    return {these, these.size(), all};
  }

  // The members that were healthy when this list was published, with the unhealthy ones behind them. If none was
  // healthy, all are proposed and the state word decides. For policies without a key.
  members_view healthy_first() const noexcept {
    return by_health_.empty() ? weighted() : members_view{by_health_, healthy_, all};
  }

  // Builds the shorter lists. `is_healthy(i)` tells about the i-th of all. May throw.
  template <class Predicate>
  void divide(Predicate is_healthy) {
    std::size_t positive = 0, healthy = 0;
    for (std::size_t i = 0; i != all.size(); ++i) {
      positive += all[i].weight != 0;
      healthy += all[i].weight != 0 && is_healthy(i);
    }
    all_weighted_ = positive == all.size();
    if (!all_weighted_)
      for (member const& m : all)
        if (m.weight != 0) weighted_.push_back(m);
    if (healthy == positive || healthy == 0) return;
    healthy_ = healthy;
    by_health_.reserve(positive);
    for (bool const wanted : {true, false})
      for (std::size_t i = 0; i != all.size(); ++i)
        if (all[i].weight != 0 && is_healthy(i) == wanted) by_health_.push_back(all[i]);
  }

 private:
  std::vector<member> weighted_;   // used only if some weight is 0
  std::vector<member> by_health_;  // used only if some are healthy and some are not
  std::size_t healthy_ = 0;        // how many at the front of by_health_ were healthy
  bool all_weighted_ = true;
};

// One balancer's table on one list.
struct snapshot_base {
  member_list* list = nullptr;
  owned<snapshot_base> next;  // in the list of retired or of reclaimed ones
  virtual ~snapshot_base() = default;
};

template <class P>
struct snapshot final : snapshot_base {
  typename policy_driver<P>::table table;
};

// What a picker protects from being freed. It is alone on its cache line, at one address for its whole life.
struct alignas(cache_line) hazard_pointer {
  std::atomic<snapshot_base const*> held{nullptr};
  hazard_pointer* next_free = nullptr;
  owned<hazard_pointer> next;  // all that were ever made
};

// What a pool knows of a balancer: its current snapshot, the retired ones, and which picker holds which.
class publisher {
 public:
  publisher() = default;
  publisher(publisher const&) = delete;
  publisher& operator=(publisher const&) = delete;

  std::atomic<snapshot_base const*> const& current() const noexcept { return current_; }

  // Blocking (a short mutex), as is give_back.
  hazard_pointer* acquire_hazard_pointer() {
    std::lock_guard const lock{hazards_mutex_};
    if (free_ == nullptr) {
      push(hazards_, owned<hazard_pointer>{new hazard_pointer});
      free_ = hazards_.get();
    }
    ++pickers_;
    return std::exchange(free_, free_->next_free);
  }
  void give_back(hazard_pointer* h) noexcept {
    publication_protocol<>::let_go(h->held);
    std::lock_guard const lock{hazards_mutex_};
    h->next_free = std::exchange(free_, h);
    --pickers_;
  }

  std::size_t pickers() const noexcept {
    std::lock_guard const lock{hazards_mutex_};
    return pickers_;
  }
  std::size_t retired() const noexcept { return retired_count_; }  // guarded by the pool's mutex

 protected:
  ~publisher() {
    destroy_all(retired_);
    destroy_all(hazards_);
    delete current_.load(std::memory_order_relaxed);
  }

 private:
  template <class B>
  friend class membership;

  // Runs on the control thread under the pool's mutex. May throw; nothing has changed then.
  virtual owned<snapshot_base> prepare(member_list& list) const = 0;

  // From here on nothing may fail: this is past the point of no return.
  void commit(owned<snapshot_base> fresh) noexcept {
    snapshot_base const* const next = fresh.release();
    auto* const old = const_cast<snapshot_base*>(publication_protocol<>::publish(current_, next));
    if (old == nullptr) return;
    push(retired_, owned<snapshot_base>{old});
    ++retired_count_;
  }

  // Moves to `reclaimed` what no picker holds any more. Each hazard pointer is read once and keeps at most one
  // snapshot, so there are never more retired snapshots than pickers afterwards, even while the pickers move on.
  void sweep(owned<snapshot_base>& reclaimed) noexcept {
    std::lock_guard const lock{hazards_mutex_};
    owned<snapshot_base> held;
    std::size_t held_count = 0;
    for (auto const* h = hazards_.get(); h != nullptr; h = h->next.get()) {
      auto const* const protected_one = publication_protocol<>::held_by(h->held);
      auto* link = &retired_;
      while (*link != nullptr && link->get() != protected_one) link = &(*link)->next;
      if (*link == nullptr) continue;
      push(held, pop(*link));
      ++held_count;
    }
    while (retired_ != nullptr) {
      --retired_->list->users;
      push(reclaimed, pop(retired_));
    }
    retired_ = std::move(held);
    retired_count_ = held_count;
  }

  alignas(cache_line) std::atomic<snapshot_base const*> current_{nullptr};  // read by every pick
  alignas(cache_line) owned<snapshot_base> retired_;                        // the rest: control threads only
  owned<snapshot_base> prepared_;  // between the building and the commit of one publish
  std::size_t retired_count_ = 0;
  publisher* next_ = nullptr;  // the pool's balancers
  mutable std::mutex hazards_mutex_;
  owned<hazard_pointer> hazards_;
  hazard_pointer* free_ = nullptr;
  std::size_t pickers_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
