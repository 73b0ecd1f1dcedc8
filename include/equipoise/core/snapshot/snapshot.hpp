// Immutable lists of members, the snapshots that balancers make of them, and the marks that keep both alive.
#pragma once

#include <equipoise/core/snapshot/retired_list.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/snapshot/publication_protocol.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
class membership;

// One published membership; shared by all balancers of a pool.
struct member_list {
  std::vector<member> all_members;  // in the order they joined
  std::vector<member> some_weighted, some_healthy;  // used only where they differ from the longer list
  std::vector<member> unhealthy;                  // placed, and not among the well
  bool all_weighted = true, all_healthy = true;
  std::uint64_t sequence = 0;  // counts publishes
  std::uint32_t users = 0;     // snapshots made of it, and the pool while it is current; pool's mutex
  std::unique_ptr<member_list> next;  // retired, or doomed

  // Those with a weight: what keyed policies build from, so that keys keep their homes while a member is down.
  std::span<member const> weighted() const noexcept { return all_weighted ? all_members : some_weighted; }
  // Those that were well when this was published (all placed ones, if none was): for unkeyed policies.
  std::span<member const> healthy() const noexcept { return all_healthy ? weighted() : some_healthy; }

  // Makes the shorter lists: is_well[i] tells of everybody[i]. May throw.
  void divide(std::vector<bool> const& is_healthy) {
    auto const weighted_count = std::count_if(all_members.begin(), all_members.end(), [](member const& m) { return m.weight != 0; });
    auto const healthy_count = std::count(is_healthy.begin(), is_healthy.end(), true);
    all_weighted = static_cast<std::size_t>(weighted_count) == all_members.size();
    all_healthy = healthy_count == weighted_count || healthy_count == 0;  // nobody is well: ask all, the word decides
    for (std::size_t i = 0; i != all_members.size() && !(all_weighted && all_healthy); ++i) {
      if (all_members[i].weight == 0) continue;
      if (!all_weighted) some_weighted.push_back(all_members[i]);
      if (!all_healthy) (is_healthy[i] ? some_healthy : unhealthy).push_back(all_members[i]);
    }
  }
};

// One balancer's table on one list.
struct snapshot_base {
  member_list* list = nullptr;
  std::unique_ptr<snapshot_base> next;  // retired, or doomed
  virtual ~snapshot_base() = default;
};

// A picker's hazard_pointer: alone on its cache line, at one address for its whole life.
struct alignas(cache_line) hazard_pointer {
  std::atomic<snapshot_base const*> held{nullptr};
  hazard_pointer* next_free = nullptr;
  std::unique_ptr<hazard_pointer> next;  // every hazard_pointer ever made
};

// What a pool knows of a balancer: its current snapshot, the retired ones, and who holds which.
class publisher {
 public:
  publisher() = default;
  publisher(publisher const&) = delete;
  publisher& operator=(publisher const&) = delete;

  std::atomic<snapshot_base const*> const& current() const noexcept { return current_; }

  // Blocking (a short mutex), as is give_back; both are also fit for destructors and callbacks.
  hazard_pointer* acquire_hazard_pointer() {
    std::lock_guard const lock{hazard_pointers_mutex_};
    if (free_ == nullptr) {
      push(hazard_pointers_, std::make_unique<hazard_pointer>());
      free_ = hazard_pointers_.get();
    }
    ++pickers_;
    return std::exchange(free_, free_->next_free);
  }
  void give_back(hazard_pointer* m) noexcept {
    publication_protocol<>::let_go(m->held);
    std::lock_guard const lock{hazard_pointers_mutex_};
    m->next_free = std::exchange(free_, m);
    --pickers_;
  }

  std::size_t pickers() const noexcept {
    std::lock_guard const lock{hazard_pointers_mutex_};
    return pickers_;
  }
  std::size_t retired() const noexcept { return retired_count_; }  // pool's mutex

 protected:
  ~publisher() {
    destroy_all(retired_);
    destroy_all(hazard_pointers_);
    delete current_.load(std::memory_order_relaxed);
  }

 private:
  template <class B>
  friend class membership;

  // Control thread, pool's mutex. May throw; nothing has changed then.
  virtual std::unique_ptr<snapshot_base> prepare(member_list& list) const = 0;

  // The rest is noexcept: the point of no return.
  void commit(std::unique_ptr<snapshot_base> fresh) noexcept {
    snapshot_base const* const next = fresh.release();
    auto* const old = const_cast<snapshot_base*>(publication_protocol<>::publish(current_, next));
    if (old == nullptr) return;
    push(retired_, std::unique_ptr<snapshot_base>{old});
    ++retired_count_;
  }

  // Moves to `doomed` what no picker holds any more. Each hazard_pointer is read once and keeps at most one: even while pickers
  // move on, retired snapshots ≤ pickers afterwards.
  void sweep(std::unique_ptr<snapshot_base>& reclaimed) noexcept {
    std::lock_guard const lock{hazard_pointers_mutex_};
    std::unique_ptr<snapshot_base> held;
    std::size_t held_count = 0;
    for (auto const* m = hazard_pointers_.get(); m != nullptr; m = m->next.get()) {
      auto const* const marked = publication_protocol<>::held_by(m->held);
      auto* link = &retired_;
      while (*link != nullptr && link->get() != marked) link = &(*link)->next;
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
  alignas(cache_line) std::unique_ptr<snapshot_base> retired_;               // the rest: control threads only
  std::unique_ptr<snapshot_base> prepared_;  // between the building and the commit of one publish
  std::size_t retired_count_ = 0;
  publisher* next_ = nullptr;  // the pool's balancers
  mutable std::mutex hazard_pointers_mutex_;
  std::unique_ptr<hazard_pointer> hazard_pointers_;
  hazard_pointer* free_ = nullptr;
  std::size_t pickers_ = 0;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
