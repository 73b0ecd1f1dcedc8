// SPDX-License-Identifier: MIT
// What a pool has published: the current list of members and the balancers that use it, and what was replaced, for as
// long as a picker may look at it. Control threads only, guarded by the pool's mutex.
#pragma once

#include <equipoise/core/pool/assignment.hpp>

#include <cassert>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Old snapshots, lists and records, for their owner to destroy when no lock is held.
template <class B>
struct reclaimed {
  owned<snapshot_base> snapshots;
  owned<member_list> lists;
  owned<list_version> versions;
  owned<record<B>> records;
  ~reclaimed() {
    destroy_all(snapshots);
    destroy_all(lists);
    destroy_all(versions);
    destroy_all(records);
  }
};

template <class B>
class membership {
  using record = detail::record<B>;
  using transaction = detail::transaction<B>;
  using membership_change = detail::membership_change<record>;

 public:
  membership(state_table& states, slot_allocator& slots, member_index<B>& index, health_flag joins_with)
      : states_{states}, slots_{slots}, index_{index}, joins_with_{joins_with}, lists_{states, index.by_slot},
        list_{new member_list} {
    list_->users = 1;
    list_->zones = &index.zones;
    lists_.begin(*list_);
  }
  membership(membership const&) = delete;
  membership& operator=(membership const&) = delete;
  ~membership() {
    assert(balancers_ == nullptr && "equipoise: a pool must outlive its balancers");
    for ([[maybe_unused]] member const& m : list_->all())
      assert(states_.in_flight(m.id.slot) == 0 && "equipoise: a pool must outlive its leases");
    for ([[maybe_unused]] auto const* r = leaving_.get(); r != nullptr; r = r->next.get())
      assert(states_.in_flight(r->id.slot) == 0 && "equipoise: a pool must outlive its leases");
    for (member const& m : list_->all()) delete &transaction::record_of(m);
    destroy_all(leaving_);
    destroy_all(replaced_);
    destroy_all(outlived_);
    destroy_all(left_);
    destroy_all(retired_);
  }

  member_list const& current() const noexcept { return *list_; }

  // Builds everything first, which may throw or be refused; the transaction then undoes itself. Then commits, which
  // cannot fail. Returns the refusal, or an empty text.
  std::string publish(transaction& t, reclaimed<B>& after) {
    sweep_lists(after);  // an unused list spares a copy
    if (t.incomplete_)
      fail("equipoise: a change whose assign() was left half-way by an exception is refused as a whole");
    membership_change const c = t.result_of();
    auto room = index_.by_key.more_room(index_.by_key.size() + c.joined.size());
    owned<member_list> list{new member_list};
    list->sequence = list_->sequence + 1;
    list->zones = list_->zones;
    struct discard {
      membership* all;
      ~discard() {
        if (all == nullptr) return;
        for (auto* p = all->balancers_; p != nullptr; p = p->next_) p->prepared_.reset();
        all->lists_.discard();
      }
    } if_one_fails{this};
    lists_.prepare(c, slots_.end(), *list);
    std::string refusal;
    for (auto* p = balancers_; p != nullptr; p = p->next_) {
      if (t.changed() || p->depends_on_health()) p->prepared_ = p->prepare(*list, refusal);
      if (!refusal.empty()) return refusal;
    }
    if_one_fails.all = nullptr;

    admit(t, c, list->sequence);
    for (auto* p = balancers_; p != nullptr; p = p->next_) {
      if (p->prepared_ == nullptr) continue;
      ++list->users;
      p->commit(std::move(p->prepared_));
    }
    look_up_by_key(t, c, room);
    withdraw(t, c, list->sequence);
    lists_.commit(c, *list);
    ++list->users;
    --list_->users;
    push(retired_, std::exchange(list_, std::move(list)));
    sweep(after);
    return refusal;
  }

  // A member has recovered. Tells the balancers whose tables leave it out.
  void announce_recovery() noexcept {
    bool can_tell = false;
    for (auto* p = balancers_; p != nullptr; p = p->next_) can_tell = can_tell || p->has_recovery_to_announce();
    if (!can_tell) return;  // none leaves a member out, or all have been told
    auto const left_out = list_->healthy_first().unhealthy();
    bool recovered = false;
    for (member const& m : left_out) recovered = recovered || states_.check(m.id);
    if (!recovered) return;
    for (auto* p = balancers_; p != nullptr; p = p->next_) p->announce_recovery();
  }

  // Whether a change of health alone makes a new table necessary.
  bool depend_on_health() const noexcept {
    for (auto* p = balancers_; p != nullptr; p = p->next_)
      if (p->depends_on_health()) return true;
    return false;
  }

  // Moves to `after` what no picker can look at any more, and frees the slots of removed members without leases.
  void sweep(reclaimed<B>& after) noexcept {
    sweep_lists(after);
    owned<record> idle;
    move_if(leaving_, idle, [this](record const& r) { return states_.in_flight(r.id.slot) == 0; });
    for (auto* r = idle.get(); r != nullptr; r = r->next.get()) {
      if (auto* const reports = states_.reports(r->id.slot)) reports->reset();
      slots_.give_back(r->id.slot);
    }
    auto const unlisted = [this](record const& r) { return !is_listed(r); };
    move_if(idle, after.records, unlisted);
    if (std::exchange(some_lists_freed_, false)) {
      move_if(left_, after.records, unlisted);
      move_if(replaced_, outlived_, unlisted);
    }
    move_if(idle, left_, [](record const&) { return true; });
    // Nothing new is leased of an object that no list holds.
    move_if(outlived_, after.records, [this](record const& r) { return !is_leased(r); });
  }

  // Returns why the balancer's build refuses the members, if it does. May throw what it throws. Nothing has changed
  // then.
  std::string join(publisher& p) {
    std::string refusal;
    auto first = p.prepare(*list_, refusal);
    if (!refusal.empty()) return refusal;
    p.commit(std::move(first));
    ++list_->users;
    p.next_ = std::exchange(balancers_, &p);
    announce_recovery();  // the list may be older than a recovery
    return refusal;
  }
  // The same for a balancer that has another policy.
  std::string rebuild(publisher& p, reclaimed<B>& after) {
    std::string refusal;
    auto next = p.prepare(*list_, refusal);
    if (!refusal.empty()) return refusal;
    p.exchange(std::move(next));
    ++list_->users;
    sweep(after);
    announce_recovery();
    return refusal;
  }
  void leave(publisher& p, reclaimed<B>& after) noexcept {
    auto** link = &balancers_;
    while (*link != &p) link = &(*link)->next_;
    p.commit(nullptr);
    p.sweep(after.snapshots);
    *link = p.next_;
    sweep(after);
  }

  // How much waits to be reclaimed. O(waiting).
  std::size_t snapshots_waiting() const noexcept {
    std::size_t n = 0;
    for (auto* p = balancers_; p != nullptr; p = p->next_) n += p->retired();
    return n;
  }
  std::size_t lists_waiting() const noexcept { return length(retired_); }
  std::size_t records_waiting() const noexcept {
    return length(leaving_) + length(left_) + length(replaced_) + length(outlived_);
  }

 private:
  void sweep_lists(reclaimed<B>& after) noexcept {
    for (auto* p = balancers_; p != nullptr; p = p->next_) p->sweep(after.snapshots);
    owned<member_list> unused;
    move_if(retired_, unused, [](member_list const& l) { return l.users == 0; });
    if (unused != nullptr) some_lists_freed_ = true;
    for (auto const* l = unused.get(); l != nullptr; l = l->next.get()) lists_.release(*l);
    move_if(unused, after.lists, [](member_list const&) { return true; });
    lists_.sweep(after.versions);
  }

  // The point of no return. The words of members that join or gain a weight are written before the snapshots are
  // exchanged, so a pick that sees such a member in a snapshot may have it.
  void admit(transaction& t, membership_change const& c, std::uint64_t sequence) noexcept {
    t.committed_ = true;
    for (record const* r : c.updated)
      if (!r->was_weighted && r->weight != 0) states_.clear(r->id, health_flag::zero_weight);
    for (auto& r : t.added_) {
      r->joined = sequence;
      auto const unhealthy = joins_with_ | static_cast<health_flag>(r->joins_with);
      auto const flags = unhealthy | (r->weight == 0 ? health_flag::zero_weight : health_flag::none);
      bool const changes = unhealthy != health_flag::none;  // the lists hold newcomers as healthy
      if (changes) states_.begin_change();
      states_.word_of(r->id.slot).store(r->id.tag | static_cast<std::uint32_t>(flags), std::memory_order_release);
      if (changes) states_.end_change(r->id, true);
      r.release();  // it belongs to the list now, or to the removed ones
    }
    for (auto& r : t.replaced_) {
      record* const by = r.by.release();
      by->joined = sequence;
      by->is_updated = by->is_replacement = false;
    }
  }

  // What look-ups by key find from here on.
  void look_up_by_key(transaction& t, membership_change const& c, std::vector<record*>& room) noexcept {
    std::lock_guard const lock{index_.look_up_mutex};
    index_.by_key.take_room(room);
    for (record const* r : c.left) index_.by_key.erase(*r);
    for (auto const& r : t.replaced_) index_.by_key.erase(*r.of);
    for (record* r : c.joined) index_.by_key.insert(*r);
    for (auto const& r : t.replaced_) index_.by_key.insert(*index_.by_slot[r.of->id.slot]);
    index_.published_count.store(t.size(), std::memory_order_relaxed);
  }

  // Members that lose their weight or leave are marked after the exchange, so a pick that sees every old member removed
  // also sees the new snapshot.
  void withdraw(transaction& t, membership_change const& c, std::uint64_t sequence) noexcept {
    for (record const* r : c.updated)
      if (r->was_weighted && r->weight == 0) states_.set(r->id, health_flag::zero_weight);
    for (record* removed : t.removed_) {
      owned<record> r{removed};
      r->leave_index();
      states_.set(r->id, health_flag::removed);
      slots_.leave();
      r->left = sequence;
      push(leaving_, std::move(r));
    }
    for (auto const& replaced : t.replaced_) {
      owned<record> r{replaced.of};
      r->leave_index();
      r->left = sequence;
      push(replaced_, std::move(r));
    }
  }

  // Whether a list that is not freed yet holds the record.
  bool is_listed(record const& r) const noexcept {
    for (auto const* l = retired_.get(); l != nullptr; l = l->next.get())
      if (r.joined <= l->sequence && l->sequence < r.left) return true;
    return false;
  }

  // Whether a lease may hold a replaced object. The slot has another owner only after all its leases have ended.
  bool is_leased(record const& r) const noexcept {
    std::uint32_t const word = states_.word_of(r.id.slot).load(std::memory_order_acquire);
    return same_generation(word, r.id.tag) && states_.in_flight_of_phase(r.id.slot, r.phase) != 0;
  }

  state_table& states_;
  slot_allocator& slots_;
  member_index<B>& index_;
  health_flag const joins_with_;
  member_lists<record> lists_;
  owned<member_list> list_;
  owned<member_list> retired_;
  owned<record> leaving_;          // removed members whose slots may be in use
  owned<record> replaced_;         // objects that others have replaced, in a list that is not freed yet
  owned<record> outlived_;         // those of them in no list any more, which leases may hold
  owned<record> left_;             // removed members without leases, in a list that is not freed yet
  bool some_lists_freed_ = false;  // since left_ was looked at
  publisher* balancers_ = nullptr;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
