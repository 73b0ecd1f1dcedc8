// SPDX-License-Identifier: MIT
// Immutable lists of members, the snapshots that balancers build from them, and the hazard pointers that keep both
// alive.
#pragma once

#include <equipoise/core/member.hpp>
#include <equipoise/core/platform.hpp>
#include <equipoise/core/policy/policy_driver.hpp>
#include <equipoise/core/snapshot/list_history.hpp>
#include <equipoise/core/snapshot/publication_protocol.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
class membership;

// One published membership, shared by all balancers of a pool. Nothing in it changes.
struct member_list {
  list_version* every = nullptr;      // all members
  list_version* weighted = nullptr;   // those with a positive weight; null if these are all
  list_version* by_health = nullptr;  // the same: the healthy ones, then the others; null if there is no difference
  std::uint64_t sequence = 0;         // counts publishes
  std::vector<std::string> const* zones = nullptr;  // the names of the zones; guarded by the pool's mutex
  std::uint32_t users = 0;  // snapshots built from it, and the pool while it is current; guarded by the pool's mutex
  owned<member_list> next;  // in the list of retired or of reclaimed ones

  array_view<member const> all() const noexcept { return every->members; }

  // All members with a positive weight. Keyed policies build from these, so that a key keeps its owner while it is
  // down.
  members_view all_weighted() const noexcept {
    array_view<member const> const these = weighted != nullptr ? array_view<member const>{weighted->members} : all();
    return {these, these.size(), all(), zones};
  }

  // The members that were healthy when this list was published, with the unhealthy ones behind them. If none was
  // healthy, all are proposed and the state word decides. For policies without a key.
  members_view healthy_first() const noexcept {
    return by_health == nullptr ? all_weighted()
                                : members_view{by_health->members, by_health->first_group, all(), zones};
  }
};

// One balancer's table on one list; or news of another snapshot, which it then owns and whose table pickers go on
// using: members that the table leaves out have recovered.
struct snapshot_base {
  member_list* list = nullptr;
  owned<snapshot_base> older;  // not null: news of that one
  owned<snapshot_base> news;   // made beforehand, so that nothing is allocated when a member recovers
  owned<snapshot_base> next;   // in the list of retired or of reclaimed ones
  virtual ~snapshot_base() = default;

  snapshot_base const* with_table() const noexcept { return older == nullptr ? this : older.get(); }
};

// A policy of a balancer, for as long as a snapshot or a picker uses it. When it replaces another one, it brings a
// cursor for each picker, so that a pick allocates none.
template <class P>
struct held_policy final : reference_counted {
  using cursor = typename policy_driver<P>::cursor;

  explicit held_policy(P&& p) : policy{std::move(p)} {}

  // For that many pickers that use another policy now. May throw.
  void make_cursors(std::size_t pickers) {
    cursors.reserve(pickers);
    while (cursors.size() < pickers) cursors.push_back(policy_driver<P>::make_cursor(policy));
  }
  // Puts a cursor that nothing has used yet in place of one of another policy. Wait-free, from any thread.
  void exchange_cursor(cursor& c) noexcept {
    std::size_t const i = taken.fetch_add(1, std::memory_order_relaxed);
    assert(i < cursors.size() && "equipoise: there are more pickers than were counted");
    std::swap(c, cursors[i]);
  }

  P const policy;
  std::vector<cursor> cursors;
  std::atomic<std::size_t> taken{0};
};

template <class P>
struct snapshot final : snapshot_base {
  shared<held_policy<P>> policy;
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
  // From here on nothing may fail: this is past the point of no return.
  void commit(owned<snapshot_base> fresh) noexcept {
    snapshot_base const* const next = fresh.release();
    auto* const old = const_cast<snapshot_base*>(publication_protocol<>::publish(current_, next));
    if (old == nullptr) return;
    push(retired_, owned<snapshot_base>{old});
    ++retired_count_;
  }

  virtual ~publisher() {
    destroy_all(retired_);
    destroy_all(hazards_);
    delete current_.load(std::memory_order_relaxed);
  }

 private:
  template <class B>
  friend class membership;

  // Runs on the control thread under the pool's mutex. May throw, or say why the members are refused; nothing has
  // changed then.
  virtual owned<snapshot_base> prepare(member_list& list, std::string& refusal) const = 0;

  // Commits the first snapshot of another policy. May throw; nothing has changed then.
  virtual void exchange(owned<snapshot_base> fresh) = 0;

  // Whether the table depends on which members are healthy. If not, it is kept when only health changed.
  virtual bool depends_on_health() const noexcept = 0;

  // Whether the current table leaves members out, and the pickers have not been told that one has recovered.
  bool has_recovery_to_announce() const noexcept {
    snapshot_base const* const now = current_.load(std::memory_order_relaxed);
    return now != nullptr && now->news != nullptr;
  }
  // Tells the pickers that a member that the current table leaves out has recovered.
  void announce_recovery() noexcept {
    if (!has_recovery_to_announce()) return;
    auto* const old = const_cast<snapshot_base*>(current_.load(std::memory_order_relaxed));
    snapshot_base* const fresh = old->news.release();
    fresh->list = old->list;
    fresh->older.reset(old);
    publication_protocol<>::publish(current_, static_cast<snapshot_base const*>(fresh));
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
      while (*link != nullptr && link->get() != protected_one && (*link)->with_table() != protected_one)
        link = &(*link)->next;
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
