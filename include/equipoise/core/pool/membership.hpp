// SPDX-License-Identifier: MIT
// What a pool has published: the current list of members and the balancers that use it, and what was replaced, for as
// long as a picker may look at it. Control threads only, guarded by the pool's mutex.
#pragma once

#include <equipoise/core/pool/transaction.hpp>

#include <cassert>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Old snapshots, lists and records, for their owner to destroy when no lock is held.
template <class B>
struct reclaimed {
  owned<snapshot_base> snapshots;
  owned<member_list> lists;
  owned<record<B>> records;
  ~reclaimed() {
    destroy_all(snapshots);
    destroy_all(lists);
    destroy_all(records);
  }
};

template <class B>
class membership {
  using record = detail::record<B>;
  using transaction = detail::transaction<B>;

 public:
  membership(state_table& states, slot_allocator& slots) : states_{states}, slots_{slots}, list_{new member_list} {
    list_->users = 1;
  }
  membership(membership const&) = delete;
  membership& operator=(membership const&) = delete;
  ~membership() {
    assert(balancers_ == nullptr && "equipoise: a pool must outlive its balancers");
    for ([[maybe_unused]] member const& m : list_->all)
      assert(states_.in_flight(m.id.slot) == 0 && "equipoise: a pool must outlive its leases");
    for ([[maybe_unused]] auto const* r = removed_.get(); r != nullptr; r = r->next.get())
      assert((r->slot_freed || states_.in_flight(r->id.slot) == 0) && "equipoise: a pool must outlive its leases");
    for (member const& m : list_->all) delete &transaction::record_of(m);
    destroy_all(removed_);
    destroy_all(retired_);
  }

  member_list const& current() const noexcept { return *list_; }

  // Builds everything first, which may throw; the transaction then undoes itself. Then commits, which cannot fail.
  void publish(transaction& t, reclaimed<B>& after) {
    zero_weight_changes weights;
    auto list = completed(t, weights);
    struct discard {
      publisher* first;
      ~discard() {
        for (auto* p = first; p != nullptr; p = p->next_) p->prepared_.reset();
      }
    } const if_one_throws{balancers_};
    for (auto* p = balancers_; p != nullptr; p = p->next_) p->prepared_ = p->prepare(*list);

    admit(t, weights, *list);
    for (auto* p = balancers_; p != nullptr; p = p->next_) {
      ++list->users;
      p->commit(std::move(p->prepared_));
    }
    withdraw(t, weights, list->sequence);
    ++list->users;
    --list_->users;
    push(retired_, std::exchange(list_, std::move(list)));
    sweep(after);
  }

  // Moves to `after` what no picker can look at any more, and frees the slots of removed members without leases.
  void sweep(reclaimed<B>& after) noexcept {
    for (auto* p = balancers_; p != nullptr; p = p->next_) p->sweep(after.snapshots);
    move_if(retired_, after.lists, [](member_list const& l) { return l.users == 0; });
    move_if(removed_, after.records, [this](record& r) {
      if (!r.slot_freed && states_.in_flight(r.id.slot) == 0) {
        if (r.reports != nullptr) r.reports->reset();
        slots_.give_back(r.id.slot);
        r.slot_freed = true;
      }
      return r.slot_freed && !is_listed(r);
    });
  }

  // May throw what the balancer's build throws.
  void join(publisher& p) {
    p.commit(p.prepare(*list_));
    ++list_->users;
    p.next_ = std::exchange(balancers_, &p);
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
  std::size_t records_waiting() const noexcept { return length(removed_); }

 private:
  struct zero_weight_changes {
    std::vector<backend_id> losing, gaining;
  };

  // The new list, complete. Nothing outside the transaction has changed yet. May throw.
  owned<member_list> completed(transaction& t, zero_weight_changes& weights) const {
    constexpr auto zero_weight = health_flag::zero_weight;
    if (t.incomplete_) fail("equipoise: a change whose assign() was refused half-way is refused as a whole");
    auto& all = t.list_->all;
    if (!t.removed_.empty()) {
      std::erase_if(all, [](member const& m) { return m.record == nullptr; });
      for (std::size_t i = 0; i != all.size(); ++i) transaction::record_of(all[i]).index = i;
    }
    t.list_->sequence = list_->sequence + 1;
    std::vector<bool> is_healthy(all.size());
    for (std::size_t i = 0; i != all.size(); ++i) {
      member const& m = all[i];
      bool const joins = transaction::record_of(m).joined == 0;
      health_flag const against = joins ? health_flag::none : states_.health(m.id);
      bool const had_zero_weight = (against & zero_weight) != health_flag::none;
      if (!joins && had_zero_weight != (m.weight == 0))
        (m.weight == 0 ? weights.losing : weights.gaining).push_back(m.id);
      is_healthy[i] = without(against, zero_weight) == health_flag::none;
    }
    t.list_->divide([&](std::size_t i) -> bool { return is_healthy[i]; });
    return std::move(t.list_);
  }

  // The point of no return. The words of members that join or gain a weight are written before the snapshots are
  // exchanged, so a pick that sees such a member in a snapshot may have it.
  void admit(transaction& t, zero_weight_changes const& weights, member_list const& list) noexcept {
    t.committed_ = true;
    for (backend_id id : weights.gaining) states_.clear(id, health_flag::zero_weight);
    for (auto& r : t.added_) {
      r->joined = list.sequence;
      bool const is_member = r->index < list.all.size() && list.all[r->index].record == r.get();
      bool const is_weightless = is_member && list.all[r->index].weight == 0;
      auto const flags = static_cast<std::uint32_t>(is_weightless ? health_flag::zero_weight : health_flag::none);
      states_.word_of(r->id.slot).store(r->id.tag | flags, std::memory_order_release);
      r.release();  // it belongs to the list now, or to the removed ones
    }
  }

  // Members that lose their weight or leave are marked after the exchange, so a pick that sees every old member removed
  // also sees the new snapshot.
  void withdraw(transaction& t, zero_weight_changes const& weights, std::uint64_t sequence) noexcept {
    for (backend_id id : weights.losing) states_.set(id, health_flag::zero_weight);
    for (record* removed : t.removed_) {
      owned<record> r{removed};
      states_.set(r->id, health_flag::removed);
      slots_.leave();
      r->left = sequence;
      push(removed_, std::move(r));
    }
  }

  // Whether a list that is not freed yet holds the record.
  bool is_listed(record const& r) const noexcept {
    for (auto const* l = retired_.get(); l != nullptr; l = l->next.get())
      if (r.joined <= l->sequence && l->sequence < r.left) return true;
    return false;
  }

  state_table& states_;
  slot_allocator& slots_;
  owned<member_list> list_;
  owned<member_list> retired_;
  owned<record> removed_;
  publisher* balancers_ = nullptr;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
