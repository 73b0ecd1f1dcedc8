// SPDX-License-Identifier: MIT
// A change of membership while it is being made: all of it takes effect at once, or none of it does.
#pragma once

#include <equipoise/core/pool/member_index.hpp>
#include <equipoise/core/pool/options.hpp>
#include <equipoise/core/registry/slot_allocator.hpp>
#include <equipoise/core/result.hpp>
#include <equipoise/core/snapshot/snapshot.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
class assignment;

// What the function that is given to pool::change() receives. Lives inside one call of the pool, under its mutex. If
// the membership does not commit it, its destructor puts everything back.
template <class B>
class transaction {
  using record = detail::record<B>;
  using numbers = attribute_numbers;

 public:
  transaction(member_list const& old, member_index<B>& index, slot_allocator& slots)
      : old_{old}, index_{index}, slots_{slots}, before_{slots.where()}, zones_before_{index.zones.size()} {}
  transaction(transaction const&) = delete;
  transaction& operator=(transaction const&) = delete;
  ~transaction() {
    if (!committed_) undo();
    for (auto const& u : updated_) u.of->is_updated = false;
  }

  /// Each function does what the pool's function of the same name does, as soon as the whole change is published.
  backend_id add(B backend) { return try_add(std::move(backend)).value(); }
  backend_id add(B backend, attributes const& a) { return try_add(std::move(backend), a).value(); }

  result<backend_id> try_add(B backend) {
    attributes a;
    std::string mistake, key = detail::key_text(backend);
    if (!detail::read_attributes(a, backend, key, mistake)) return failure(mistake);
    return add_under(std::move(key), std::move(backend), a);
  }
  result<backend_id> try_add(B backend, attributes const& a) {
    std::string key = detail::key_text(backend);
    return add_under(std::move(key), std::move(backend), a);
  }

  bool remove(backend_id id) {
    record* const r = index_.find(id);
    if (r != nullptr) leave(*r);
    return r != nullptr;
  }
  result<> try_remove(backend_id id) { return remove(id) ? result<>{} : no_member(id); }

  bool update(backend_id id, attribute_changes const& c) {
    if (index_.find(id) == nullptr) return false;
    try_update(id, c).value();
    return true;
  }
  result<> try_update(backend_id id, attribute_changes const& c) {
    record* const r = index_.find(id);
    if (r == nullptr) return no_member(id);
    numbers n = listed_for(*r);
    std::string mistake;
    if (!read_changes(n, c, r->key, mistake)) return failure(mistake);
    set_listed(*r, n);
    return {};
  }

  bool override_attributes(backend_id id, attribute_changes const& c) {
    if (index_.find(id) == nullptr) return false;
    try_override_attributes(id, c).value();
    return true;
  }
  result<> try_override_attributes(backend_id id, attribute_changes const& c) {
    record* const r = index_.find(id);
    if (r == nullptr) return no_member(id);
    numbers n = numbers_of(*r);
    std::string mistake;
    if (!read_changes(n, c, r->key, mistake)) return failure(mistake);
    keep_overrides();
    auto& all = index_.overrides;
    std::size_t const i = index_.override_index(id.slot);
    if (!r->is_overridden) {
      grow(all);
      all.insert(all.begin() + static_cast<std::ptrdiff_t>(i), {id, numbers_of(*r), n});
    }
    attribute_override& o = all[i];
    o.own = n;
    o.has_weight |= c.weight.has_value(), o.has_priority |= c.priority.has_value(), o.has_zone |= c.zone.has_value();
    r->is_overridden = true;
    set_numbers(*r, o.effective());
    changed_ = true;  // so that it is kept
    return {};
  }

  bool clear_overrides(backend_id id) {
    record* const r = index_.find(id);
    if (r == nullptr) return false;
    if (r->is_overridden) {
      keep_overrides();
      set_numbers(*r, listed_for(*r));
      forget_override(*r);
    }
    return true;
  }
  result<> try_clear_overrides(backend_id id) { return clear_overrides(id) ? result<>{} : no_member(id); }

  template <class Range>
  assign_result assign(Range&& backends, assign_options options = {}) {
    return try_assign(std::forward<Range>(backends), options).value();
  }
  template <class Range>
  result<assign_result> try_assign(Range&& backends, assign_options options = {}) {
    static_assert(std::copy_constructible<B> || !std::is_lvalue_reference_v<Range>,
                  "equipoise: assign() moves backends that cannot be copied: give it the range as an rvalue");
    static_assert(std::forward_iterator<decltype(std::begin(backends))>,
                  "equipoise: assign() reads its range twice: give it a container, or a view that can be read again");
    return assignment<B>{*this, options}(backends);
  }
  assign_result assign(std::initializer_list<B> backends, assign_options options = {})
    requires std::copy_constructible<B>
  {
    return assign(array_view<B const>{backends.begin(), backends.size()}, options);
  }
  result<assign_result> try_assign(std::initializer_list<B> backends, assign_options options = {})
    requires std::copy_constructible<B>
  {
    return try_assign(array_view<B const>{backends.begin(), backends.size()}, options);
  }

  /// The id of the member with that key, the changes made so far included; a false id if there is none.
  backend_id find(std::string_view key) const noexcept {
    record const* const r = find_record(key);
    return r != nullptr ? r->id : backend_id{};
  }

  /// The number of members, the changes made so far included.
  std::size_t size() const noexcept { return old_.all().size() + added_.size() - removed_.size(); }

  /// Whether there is anything to publish.
  bool changed() const noexcept { return changed_ || incomplete_; }

 private:
  friend membership<B>;
  friend assignment<B>;

  static result<> failure(std::string mistake) { return result<>::failure(std::move(mistake)); }
  static result<> no_member(backend_id id) { return failure("equipoise: " + to_string(id) + " is no member's id"); }

  result<backend_id> add_under(std::string key, B backend, attributes const& a) {
    std::string mistake;
    numbers n;
    if (key.empty()) return failure("equipoise: a backend's key is empty");
    if (find_record(key) != nullptr) return failure("equipoise: key '" + key + "' is already a member's");
    if (!slots_.has(1)) return failure(slots_.shortage());
    if (!read_numbers(n, a, key, mistake)) return failure(mistake);
    return join(std::move(backend), n, std::move(key)).id;
  }

  static record& record_of(member const& m) noexcept {
    return *const_cast<record*>(static_cast<record const*>(m.record));
  }
  record* find_record(std::string_view key) const noexcept {
    if (record* const r = fresh_.find(key)) return r;
    record* const r = index_.by_key.find(key);
    return r != nullptr && !r->is_leaving ? r : nullptr;
  }

  template <class T>
  static void grow(std::vector<T>& v) {
    if (v.size() == v.capacity()) v.reserve(2 * v.size() + 4);
  }

  // Calls f for each member, the changes made so far included.
  template <class F>
  void for_each_member(F&& f) {
    for (member const& m : old_.all())
      if (record* const r = index_.find(m.id)) f(*r);
    for (auto const& r : added_)
      if (!r->is_leaving) f(*r);
  }

  // The key must be new and not empty, and there must be a slot. Everything that can fail comes before the first
  // change.
  record& join(B backend, numbers const& n, std::string key) {
    grow(added_);
    if (is_reordered_) grow(order_);
    fresh_.make_room(fresh_.size() + 1);
    owned<record> fresh{new record{std::move(backend), key}};

    fresh->id = slots_.take();
    fresh->states = &slots_.states();
    fresh->position = next_position();
    give(*fresh, n);
    fresh_.insert(*fresh);
    index_.by_slot[fresh->id.slot] = fresh.get();
    if (is_reordered_) order_.push_back(fresh.get());
    added_.push_back(std::move(fresh));
    changed_ = true;
    return *added_.back();
  }

  void leave(record& joined) {
    record& r = joined.is_replacement ? take_back(joined) : joined;
    grow(removed_);
    if (r.is_overridden) forget_override(r);
    removed_.push_back(&r);
    r.is_leaving = true;
    if (r.joined == 0) fresh_.erase(r);
    index_.by_slot[r.id.slot] = nullptr;
    changed_ = true;
  }

  // Another object with the same key takes the place of a member's, with its id, its attributes and its place in the
  // order.
  record& replace(record& r, B backend) {
    grow(replaced_);
    fresh_.make_room(fresh_.size() + 1);
    owned<record> fresh{new record{std::move(backend), r.key}};
    fresh->id = r.id;
    fresh->states = r.states;
    fresh->position = r.position;
    fresh->joined = r.joined;
    fresh->assigned = r.assigned;
    fresh->was_weighted = r.was_weighted;
    fresh->is_overridden = r.is_overridden;
    give(*fresh, numbers_of(r));
    record& now = *fresh;
    exchange_in_order(r, now);
    if (r.joined == 0) {
      std::size_t i = 0;
      while (added_[i].get() != &r) ++i;
      fresh_.erase(r);
      added_[i] = std::move(fresh);
    } else if (r.is_replacement) {
      std::size_t i = 0;
      while (replaced_[i].by.get() != &r) ++i;
      fresh_.erase(r);
      now.phase = r.phase;
      now.is_updated = now.is_replacement = true;
      replaced_[i].by = std::move(fresh);
    } else {
      // The counter that no lease uses any more, if there is one.
      bool const other_is_idle = slots_.states().in_flight_of_phase(r.id.slot, !r.phase) == 0;
      now.phase = (r.phase != 0) != other_is_idle;
      now.is_updated = now.is_replacement = true;
      r.is_leaving = true;
      replaced_.push_back({&r, std::move(fresh)});
    }
    fresh_.insert(now);
    index_.by_slot[now.id.slot] = &now;
    changed_ = true;
    return now;
  }
  // The object that was replaced by this one, as if that had not happened. (Out of line, or GCC warns of a list that it
  // knows to be empty.)
  EQUIPOISE_OUT_OF_LINE record& take_back(record& replacement) noexcept {
    std::size_t i = 0;
    while (replaced_[i].by.get() != &replacement) ++i;
    record& r = *replaced_[i].of;
    fresh_.erase(replacement);
    r.is_leaving = false;
    r.is_overridden = replacement.is_overridden;
    exchange_in_order(replacement, r);
    std::swap(replaced_[i], replaced_.back());
    replaced_.pop_back();
    return r;
  }
  void exchange_in_order(record& before, record& now) noexcept {
    for (record*& o : order_)
      if (o == &before) o = &now;
  }

  static numbers numbers_of(record const& r) noexcept { return {r.weight, r.priority, r.zone}; }
  static void give(record& r, numbers const& n) noexcept {
    r.weight = n.weight, r.priority = n.priority, r.zone = n.zone;
  }
  // What a member's list says of it, whatever was overridden.
  numbers listed_for(record const& r) const noexcept {
    return r.is_overridden ? index_.override_of(r).listed : numbers_of(r);
  }

  bool read_zone(std::uint16_t& into, std::string_view zone, std::string_view key, std::string& mistake) {
    into = index_.zone_number(zone);
    if (into != index_.none) return true;
    mistake = "equipoise: zone '" + std::string{zone} + "' of backend '" + std::string{key} +
              "' is one more than the 32768 of a pool's life";
    return false;
  }
  bool read_numbers(numbers& n, attributes const& a, std::string_view key, std::string& mistake) {
    std::uint32_t priority = 0;
    if (!detail::read_number(priority, "priority", a.priority, 0xFFFF, key, mistake)) return false;
    n.weight = a.weight;
    n.priority = static_cast<std::uint16_t>(priority);
    return read_zone(n.zone, a.zone, key, mistake);
  }
  bool read_changes(numbers& n, attribute_changes const& c, std::string_view key, std::string& mistake) {
    std::uint32_t priority = n.priority;
    if (c.weight && !detail::read_number(n.weight, "weight", *c.weight, 0xFFFFFFFF, key, mistake)) return false;
    if (c.priority && !detail::read_number(priority, "priority", *c.priority, 0xFFFF, key, mistake)) return false;
    n.priority = static_cast<std::uint16_t>(priority);
    return !c.zone || read_zone(n.zone, *c.zone, key, mistake);
  }

  void set_listed(record& r, numbers const& wanted) {
    if (!r.is_overridden) return set_numbers(r, wanted);
    if (wanted == listed_for(r)) return;
    keep_overrides();
    attribute_override& o = index_.override_of(r);
    o.listed = wanted;
    set_numbers(r, o.effective());
    changed_ = true;  // so that it is kept
  }
  void set_numbers(record& r, numbers const& wanted) {
    if (wanted == numbers_of(r)) return;
    if (r.joined != 0 && !r.is_updated) {
      updated_.push_back({&r, numbers_of(r)});
      r.is_updated = true;
    }
    give(r, wanted);
    changed_ = true;
  }

  // Before the first change of an override.
  void keep_overrides() {
    if (has_kept_overrides_) return;
    overrides_before_ = index_.overrides;
    has_kept_overrides_ = true;
  }
  void forget_override(record& r) {
    keep_overrides();
    index_.overrides.erase(index_.overrides.begin() + static_cast<std::ptrdiff_t>(index_.override_index(r.id.slot)));
    r.is_overridden = false;
    changed_ = true;
  }

  // Records get positions with room for others between them.
  static constexpr std::uint64_t gap = std::uint64_t{1} << 20;
  std::uint64_t next_position() noexcept { return index_.last_position += gap; }

  // What is to be published. May throw.
  membership_change<record> result_of() const {
    membership_change<record> c;
    for (auto const& r : added_)
      if (!r->is_leaving) c.joined.push_back(r.get());
    for (record* r : removed_)
      if (r->joined != 0) c.left.push_back(r);
    for (auto const& u : updated_)
      if (!u.of->is_leaving) c.updated.push_back(u.of);
    for (auto const& r : replaced_) c.updated.push_back(r.by.get());
    if (is_reordered_)
      for (record* r : order_)
        if (!r->is_leaving) c.order.push_back(r);
    c.is_reordered = is_reordered_;
    return c;
  }

  void undo() noexcept {
    for (auto const& r : added_) index_.by_slot[r->id.slot] = nullptr;
    for (record* r : removed_)
      if (r->joined != 0) come_back(*r);
    for (auto const& r : replaced_) come_back(*r.of);
    for (auto const& u : updated_) give(*u.of, u.before);
    if (is_reordered_) {
      index_.last_position = 0;
      for (member const& m : old_.all()) record_of(m).position = next_position();
    }
    if (has_kept_overrides_) {
      for (attribute_override const& o : index_.overrides)
        if (record* const r = index_.find(o.id)) r->is_overridden = false;
      index_.overrides.swap(overrides_before_);
      for (attribute_override const& o : index_.overrides)
        if (record* const r = index_.find(o.id)) r->is_overridden = true;
    }
    if (index_.zones.size() != zones_before_) {
      std::lock_guard const lock{index_.look_up_mutex};
      index_.zones.resize(zones_before_);
    }
    slots_.back_to(before_);
    for (auto const& r : added_) slots_.spend(r->id);
  }
  void come_back(record& r) noexcept {
    r.is_leaving = false;
    index_.by_slot[r.id.slot] = &r;
  }

  struct update_of {
    record* of;
    numbers before;
  };
  struct replacement_of {
    record* of;
    owned<record> by;
  };

  member_list const& old_;
  member_index<B>& index_;
  slot_allocator& slots_;
  slot_allocator::position before_;
  std::size_t zones_before_;
  std::vector<owned<record>> added_;
  key_index<record> fresh_;  // what has joined, and what has replaced another object
  std::vector<record*> removed_;
  std::vector<update_of> updated_;  // each once
  std::vector<replacement_of> replaced_;
  std::vector<record*> order_;  // all members in their new order, if there is one
  std::vector<attribute_override> overrides_before_;
  bool has_kept_overrides_ = false;
  bool is_reordered_ = false;
  bool changed_ = false;
  bool incomplete_ = false;  // an assign() was left half-way by an exception
  bool committed_ = false;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
