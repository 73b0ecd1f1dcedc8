// SPDX-License-Identifier: MIT
// The lists of members that balancers build from, and what a change makes of them: all members, those with a weight,
// and these with the healthy ones first. A list is patched if little changed, else made anew.
#pragma once

#include <equipoise/core/snapshot/snapshot.hpp>
#include <equipoise/core/zeroed_array.hpp>

#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// What a change does to the membership. A record is in one of the first three at most.
template <class Record>
struct membership_change {
  std::vector<Record*> joined, left;
  std::vector<Record*> updated;  // with other attributes, or another object: the new one's record
  std::vector<Record*> order;    // all members, if their order changes
  bool is_reordered = false;
};

// The members by their slots.
template <class Record>
using records_by_slot = zeroed_array<Record*>;

// A bit for each slot.
class slot_set {
 public:
  explicit slot_set(std::uint32_t slots) : words_{slots / 64} {}
  bool operator[](std::uint32_t slot) const noexcept { return (words_[slot / 64] >> slot % 64 & 1) != 0; }
  void flip(std::uint32_t slot) noexcept { words_[slot / 64] ^= std::uint64_t{1} << slot % 64; }
  std::uint64_t& word(std::uint32_t slot) noexcept { return words_[slot / 64]; }

 private:
  zeroed_array<std::uint64_t> words_;
};

// Guarded by the pool's mutex. (Version is a parameter so that only programs that make a pool compile this.)
template <class Record, class Version = list_version>
class member_lists {
  using list_history = detail::list_history<Version>;
  using group = typename list_history::group;
  using member = typename list_history::member;
  using membership_change = detail::membership_change<Record>;
  using records_by_slot = detail::records_by_slot<Record>;

 public:
  // To shift parts of a list more often costs as much as to make it anew.
  static constexpr std::size_t few = 4;

  member_lists(state_table& states, records_by_slot const& by_slot)
      : states_{states}, by_slot_{by_slot}, pending_{states.slots()}, was_unhealthy_{states.slots()},
        is_unhealthy_{states.slots()} {
    every_.replace({}, 0);
    every_.commit();
  }

  std::size_t size() const noexcept { return every_.newest()->members.size(); }

  // Makes a pool's first list, which has no members.
  void begin(member_list& l) noexcept {
    l.every = every_.newest();
    ++l.every->users;
  }

  // Makes the lists after a change of membership, and after what happened to health. Slots from `end` on were never
  // used. May throw; discard() then makes all as it was. O(changes) if these are few, else O(members).
  void prepare(membership_change const& c, std::uint32_t end, member_list& into) {
    look_at_health(c, end);
    count(c);
    bool const is_anew = c.is_reordered || shifts(c) > few || c.joined.size() + c.updated.size() > 16 + size() / 16;
    if (is_anew)
      remake_every(c);
    else
      patch_every(c);

    bool const regroups = is_anew || regrouped_ > few;
    into.every = every_.newest();
    into.weighted = into.by_health = nullptr;
    if (positive_ != size()) {
      if (regroups || weighted_.newest() == nullptr)
        remake_weighted();
      else
        patch(weighted_, c, [](record_base const& r, bool before) { return weight_group(r, before); });
      into.weighted = weighted_.newest();
    } else {
      drops_weighted_ = true;
    }

    bool const needed = healthy_ != 0 && healthy_ != positive_;
    if (!regroups && by_health_.newest() != nullptr)
      patch(by_health_, c, [this](record_base const& r, bool before) { return health_group(r, before); });
    else if (needed)
      remake_by_health();
    else
      drops_by_health_ = true;
    if (needed) into.by_health = by_health_.newest();
  }

  // The list that was prepared is the newest from here on.
  void commit(membership_change const& c, member_list& l) noexcept {
    every_.commit();
    if (drops_weighted_) weighted_.clear();
    weighted_.commit();
    if (drops_by_health_) by_health_.clear();
    by_health_.commit();
    for (list_version* v : {l.every, l.weighted, l.by_health})
      if (v != nullptr) ++v->users;
    for (Record const* r : flips_) was_unhealthy_.flip(r->id.slot);
    for (auto const* changed : {&c.joined, &c.updated})
      for (Record* r : *changed) r->was_weighted = r->weight != 0;
    was_positive_ = positive_, was_healthy_ = healthy_;
    forget_preparation();
  }
  void discard() noexcept {
    every_.discard();
    weighted_.discard();
    by_health_.discard();
    for (Record const* r : flips_) {
      is_unhealthy_.flip(r->id.slot);
      look_again(r->id.slot);
    }
    for (std::uint32_t const slot : left_) look_again(slot);
    positive_ = was_positive_, healthy_ = was_healthy_;
    forget_preparation();
  }

  // A list has no user any more.
  static void release(member_list const& l) noexcept {
    for (list_version* v : {l.every, l.weighted, l.by_health})
      if (v != nullptr) --v->users;
  }
  void sweep(owned<Version>& after) noexcept {
    every_.sweep(after);
    weighted_.sweep(after);
    by_health_.sweep(after);
  }

 private:
  // How often a part of the list of all members is shifted.
  std::size_t shifts(membership_change const& c) const noexcept {
    auto const& now = every_.newest()->members;
    std::size_t n = c.left.size();
    for (Record const* r : c.joined) n += !now.empty() && r->position < now.back().record->position;
    return n;
  }

  static member member_of(record_base const& r) noexcept {
    member m{&r, r.id, r.weight, r.priority};
    m.zone = r.zone & 0x7FFF;
    m.phase = r.phase;
    return m;
  }

  static group weight_group(record_base const& r, bool before) noexcept {
    return (before ? r.was_weighted : r.weight != 0) ? group::first : group::none;
  }
  group health_group(record_base const& r, bool before) const noexcept {
    if (weight_group(r, before) == group::none) return group::none;
    return (before ? was_unhealthy_ : is_unhealthy_)[r.id.slot] ? group::second : group::first;
  }

  // Finds the members that became healthy or unhealthy since the last list. Newcomers are healthy.
  void look_at_health(membership_change const& c, std::uint32_t end) {
    for (std::uint32_t first = 0; first != end; first += 64) {
      std::uint64_t const changed = pending_.word(first) |= states_.take_changed(first / 64);
      for (std::uint64_t bits = changed; bits != 0; bits &= bits - 1) {
        std::uint32_t const slot = first + static_cast<std::uint32_t>(std::countr_zero(bits));
        Record const* const r = by_slot_[slot];
        if (r == nullptr)
          left_.push_back(slot);  // it is a member again if the change is taken back
        else if (r->joined != 0)
          note(*r, without(states_.health(r->id), health_flag::zero_weight) != health_flag::none);
      }
      if (changed != 0) pending_.word(first) = 0;
    }
    for (Record const* r : c.joined) note(*r, false);
  }
  void look_again(std::uint32_t slot) noexcept { pending_.word(slot) |= std::uint64_t{1} << slot % 64; }
  void note(Record const& r, bool unhealthy) {
    if (is_unhealthy_[r.id.slot] == unhealthy) return;
    flips_.push_back(&r);
    is_unhealthy_.flip(r.id.slot);
  }

  // Calls f(record, was a member, is a member) for each member that a change concerns, once.
  template <class F>
  void for_each_concerned(membership_change const& c, F&& f) const {
    for (Record const* r : c.left) f(*r, true, false);
    for (Record const* r : c.joined) f(*r, false, true);
    for (Record const* r : c.updated)
      if (was_unhealthy_[r->id.slot] == is_unhealthy_[r->id.slot]) f(*r, true, true);
    for (Record const* r : flips_)
      if (r->joined != 0) f(*r, true, true);
  }

  void count(membership_change const& c) {
    regrouped_ = 0;
    for_each_concerned(c, [this](record_base const& r, bool was, bool is) {
      group const before = was ? health_group(r, true) : group::none;
      group const now = is ? health_group(r, false) : group::none;
      regrouped_ += was && is && before != now;
      positive_ += static_cast<std::size_t>(now != group::none) - static_cast<std::size_t>(before != group::none);
      healthy_ += static_cast<std::size_t>(now == group::first) - static_cast<std::size_t>(before == group::first);
    });
  }

  template <class Group>
  void patch(list_history& list, membership_change const& c, Group group_of) {
    for_each_concerned(c, [&](record_base const& r, bool was, bool is) {
      group const before = was ? group_of(r, true) : group::none;
      group const now = is ? group_of(r, false) : group::none;
      if (before != now || r.is_updated) list.place(member_of(r), before, now);
    });
  }
  void patch_every(membership_change const& c) {
    for (Record const* r : c.left) every_.place(member_of(*r), group::first, group::none);
    for (Record const* r : c.updated) every_.place(member_of(*r), group::first, group::first);
    for (Record const* r : c.joined) every_.place(member_of(*r), group::none, group::first);
  }

  void remake_every(membership_change const& c) {
    std::vector<member> all;
    std::vector<Record const*> between;  // few: a change with more has an order of its own
    if (c.is_reordered) {
      all.reserve(c.order.size());
      for (Record const* r : c.order) all.push_back(member_of(*r));
    } else {
      all.reserve(size() + c.joined.size() - c.left.size());
      for (member const& m : every_.newest()->members) {
        Record const* const r = by_slot_[m.id.slot];
        if (r == m.record)
          all.push_back(m);
        else if (r != nullptr && r->id == m.id)
          all.push_back(member_of(*r));  // another object
      }
      for (Record const* r : c.joined)
        if (all.empty() || all.back().record->position < r->position)
          all.push_back(member_of(*r));
        else
          between.push_back(r);
    }
    std::size_t const n = all.size();
    every_.replace(std::move(all), n);
    for (Record const* r : between) every_.place(member_of(*r), group::none, group::first);
    if (!c.is_reordered)
      for (Record const* r : c.updated) every_.place(member_of(*r), group::first, group::first);
  }
  void remake_weighted() {
    std::vector<member> these;
    these.reserve(positive_);
    for (member const& m : every_.newest()->members)
      if (m.weight != 0) these.push_back(m);
    weighted_.replace(std::move(these), positive_);
  }
  void remake_by_health() {
    std::vector<member> these(positive_);
    std::size_t healthy = 0, unhealthy = healthy_;
    for (member const& m : every_.newest()->members)
      if (m.weight != 0) these[is_unhealthy_[m.id.slot] ? unhealthy++ : healthy++] = m;
    by_health_.replace(std::move(these), healthy_);
  }

  void forget_preparation() noexcept {
    flips_.clear();
    left_.clear();
    drops_weighted_ = drops_by_health_ = false;
  }

  state_table& states_;
  records_by_slot const& by_slot_;
  list_history every_, weighted_, by_health_;
  slot_set pending_;                             // health to be looked at
  slot_set was_unhealthy_, is_unhealthy_;        // in the newest list, and in the one being prepared
  std::vector<Record const*> flips_;             // the members where these differ
  std::vector<std::uint32_t> left_;              // slots with a change of health whose members have left
  std::size_t was_positive_ = 0, positive_ = 0;  // members with a weight
  std::size_t was_healthy_ = 0, healthy_ = 0;    // of them, those that are healthy
  std::size_t regrouped_ = 0;                    // members in another group than before
  bool drops_weighted_ = false, drops_by_health_ = false;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
