// Immutable lists of members, the snapshots that balancers make of them, and the marks that keep both alive.
#pragma once

#include <equipoise/core/chain.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/publication.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

namespace equipoise::inline EQUIPOISE_ABI::detail {

template <class B>
class membership;

// One published membership; shared by all balancers of a pool.
struct member_list {
  std::vector<member> everybody;  // in the order they joined
  std::vector<member> some_placed, some_well;  // used only where they differ from the longer list
  std::vector<member> unwell;                  // placed, and not among the well
  bool all_placed = true, all_well = true;
  std::uint64_t sequence = 0;  // counts publishes
  std::uint32_t users = 0;     // snapshots made of it, and the pool while it is current; pool's mutex
  std::unique_ptr<member_list> next;  // retired, or doomed

  // Those with a weight: what keyed policies build from, so that keys keep their homes while a member is down.
  std::span<member const> placed() const noexcept { return all_placed ? everybody : some_placed; }
  // Those that were well when this was published (all placed ones, if none was): for unkeyed policies.
  std::span<member const> well() const noexcept { return all_well ? placed() : some_well; }

  // Makes the shorter lists: is_well[i] tells of everybody[i]. May throw.
  void divide(std::vector<bool> const& is_well) {
    auto const placed_count = std::count_if(everybody.begin(), everybody.end(), [](member const& m) { return m.weight != 0; });
    auto const well_count = std::count(is_well.begin(), is_well.end(), true);
    all_placed = static_cast<std::size_t>(placed_count) == everybody.size();
    all_well = well_count == placed_count || well_count == 0;  // nobody is well: ask all, the word decides
    for (std::size_t i = 0; i != everybody.size() && !(all_placed && all_well); ++i) {
      if (everybody[i].weight == 0) continue;
      if (!all_placed) some_placed.push_back(everybody[i]);
      if (!all_well) (is_well[i] ? some_well : unwell).push_back(everybody[i]);
    }
  }
};

// One balancer's table on one list.
struct snapshot_base {
  member_list* list = nullptr;
  std::unique_ptr<snapshot_base> next;  // retired, or doomed
  virtual ~snapshot_base() = default;
};

// A picker's mark: alone on its cache line, at one address for its whole life.
struct alignas(cache_line) mark {
  std::atomic<snapshot_base const*> held{nullptr};
  mark* next_free = nullptr;
  std::unique_ptr<mark> next;  // every mark ever made
};

// What a pool knows of a balancer: its current snapshot, the retired ones, and who holds which.
class publisher {
 public:
  publisher() = default;
  publisher(publisher const&) = delete;
  publisher& operator=(publisher const&) = delete;

  std::atomic<snapshot_base const*> const& current() const noexcept { return current_; }

  // Blocking (a short mutex), as is give_back; both are also fit for destructors and callbacks.
  mark* get_mark() {
    std::lock_guard const lock{marks_mutex_};
    if (free_ == nullptr) {
      push(marks_, std::make_unique<mark>());
      free_ = marks_.get();
    }
    ++pickers_;
    return std::exchange(free_, free_->next_free);
  }
  void give_back(mark* m) noexcept {
    publication_protocol<>::let_go(m->held);
    std::lock_guard const lock{marks_mutex_};
    m->next_free = std::exchange(free_, m);
    --pickers_;
  }

  std::size_t pickers() const noexcept {
    std::lock_guard const lock{marks_mutex_};
    return pickers_;
  }
  std::size_t retired() const noexcept { return retired_count_; }  // pool's mutex

 protected:
  ~publisher() {
    destroy_all(retired_);
    destroy_all(marks_);
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

  // Moves to `doomed` what no picker holds any more. Each mark is read once and keeps at most one: even while pickers
  // move on, retired snapshots ≤ pickers afterwards.
  void sweep(std::unique_ptr<snapshot_base>& doomed) noexcept {
    std::lock_guard const lock{marks_mutex_};
    std::unique_ptr<snapshot_base> held;
    std::size_t held_count = 0;
    for (auto const* m = marks_.get(); m != nullptr; m = m->next.get()) {
      auto const* const marked = publication_protocol<>::marked(m->held);
      auto* link = &retired_;
      while (*link != nullptr && link->get() != marked) link = &(*link)->next;
      if (*link == nullptr) continue;
      push(held, pop(*link));
      ++held_count;
    }
    while (retired_ != nullptr) {
      --retired_->list->users;
      push(doomed, pop(retired_));
    }
    retired_ = std::move(held);
    retired_count_ = held_count;
  }

  alignas(cache_line) std::atomic<snapshot_base const*> current_{nullptr};  // read by every pick
  alignas(cache_line) std::unique_ptr<snapshot_base> retired_;               // the rest: control threads only
  std::unique_ptr<snapshot_base> prepared_;  // between the building and the commit of one publish
  std::size_t retired_count_ = 0;
  publisher* next_ = nullptr;  // the pool's balancers
  mutable std::mutex marks_mutex_;
  std::unique_ptr<mark> marks_;
  mark* free_ = nullptr;
  std::size_t pickers_ = 0;
};

}  // namespace equipoise::inline EQUIPOISE_ABI::detail
