// What a pool has published: the current list of members and the balancers that stand on it; and what it replaced, for as
// long as somebody may look at it. Control threads only, under the pool's mutex.
#pragma once

#include <equipoise/core/pool/transaction.hpp>

#include <cassert>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Old snapshots, lists and records, for their owner to destroy once no lock is held.
template <class B>
struct reclaimed {
  std::unique_ptr<snapshot_base> snapshots;
  std::unique_ptr<member_list> lists;
  std::unique_ptr<record<B>> records;
  ~reclaimed() {
    destroy_all(snapshots);
    destroy_all(lists);
    destroy_all(records);
  }
};

template <class B>
class membership {
  using record = detail::record<B>;

 public:
  membership(state_table& r, slot_allocator& s) : state_table_{r}, slots_{s}, list_{std::make_unique<member_list>()} { list_->users = 1; }
  membership(membership const&) = delete;
  membership& operator=(membership const&) = delete;
  ~membership() {
    assert(balancers_ == nullptr && "equipoise: a pool must outlive its balancers");
    for ([[maybe_unused]] member const& m : list_->all_members)
      assert(state_table_.in_flight(m.id.slot) == 0 && "equipoise: a pool must outlive its leases");
    for ([[maybe_unused]] auto const* r = leavers_.get(); r != nullptr; r = r->next.get())
      assert((r->slot_freed || state_table_.in_flight(r->id.slot) == 0) && "equipoise: a pool must outlive its leases");
    for (member const& m : list_->all_members) delete const_cast<record*>(static_cast<record const*>(m.record));
    destroy_all(leavers_);
    destroy_all(retired_);
  }

  member_list const& current() const noexcept { return *list_; }

  // Builds first (may throw: the draft then undoes itself), then commits (cannot).
  void publish(transaction<B>& d, reclaimed<B>& after) {
    auto list = d.finish(state_table_);
    struct discard {
      publisher* first;
      ~discard() {
        for (auto* p = first; p != nullptr; p = p->next_) p->prepared_.reset();
      }
    } const if_one_throws{balancers_};
    for (auto* p = balancers_; p != nullptr; p = p->next_) p->prepared_ = p->prepare(*list);

    d.commit(state_table_, *list);
    for (auto* p = balancers_; p != nullptr; p = p->next_) {
      ++list->users;
      p->commit(std::move(p->prepared_));
    }
    for (auto gone = d.part(state_table_, list->sequence); gone != nullptr;) push(leavers_, pop(gone));
    ++list->users;
    --list_->users;
    push(retired_, std::exchange(list_, std::move(list)));
    sweep(after);
  }

  // Moves to `after` what nobody can look at any more, and frees the slots of those that left and have no lease.
  void sweep(reclaimed<B>& after) noexcept {
    for (auto* p = balancers_; p != nullptr; p = p->next_) p->sweep(after.snapshots);
    move_if(retired_, after.lists, [](member_list const& l) { return l.users == 0; });
    move_if(leavers_, after.records, [this](record& r) {
      if (!r.slot_freed && state_table_.in_flight(r.id.slot) == 0) {
        if (r.line != nullptr) r.line->reset();
        slots_.give_back(r.id.slot);
        r.slot_freed = true;
      }
      return r.slot_freed && !is_listed(r);
    });
  }

  // May throw: what the balancer's build refuses.
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

  // Numbers of what waits. O(waiting).
  std::size_t snapshots_waiting() const noexcept {
    std::size_t n = 0;
    for (auto* p = balancers_; p != nullptr; p = p->next_) n += p->retired();
    return n;
  }
  std::size_t lists_waiting() const noexcept { return length(retired_); }
  std::size_t records_waiting() const noexcept { return length(leavers_); }

 private:
  // Whether an unfreed list holds it: those numbered joined … left − 1 did.
  bool is_listed(record const& r) const noexcept {
    for (auto const* l = retired_.get(); l != nullptr; l = l->next.get())
      if (r.joined <= l->sequence && l->sequence < r.left) return true;
    return false;
  }

  state_table& state_table_;
  slot_allocator& slots_;
  std::unique_ptr<member_list> list_;
  std::unique_ptr<member_list> retired_;
  std::unique_ptr<record> leavers_;
  publisher* balancers_ = nullptr;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
