// SPDX-License-Identifier: MIT
// A change of membership while it is being made: all of it takes effect at once, or none of it does.
#pragma once

#include <equipoise/core/pool/member_index.hpp>
#include <equipoise/core/pool/options.hpp>
#include <equipoise/core/registry/slot_allocator.hpp>
#include <equipoise/core/snapshot/snapshot.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// What the function that is given to pool::change() receives. Lives inside one call of the pool, under its mutex. If
// the membership does not commit it, its destructor puts everything back.
template <class B>
class transaction {
  using record = detail::record<B>;

 public:
  transaction(member_list const& old, member_index<B>& index, slot_allocator& slots, observation* reports)
      : old_{old}, index_{index}, slots_{slots}, reports_{reports}, before_{slots.where()},
        zones_before_{index.zones.size()}, list_{new member_list} {
    list_->all = old.all;
  }
  transaction(transaction const&) = delete;
  transaction& operator=(transaction const&) = delete;
  ~transaction() {
    if (!committed_) undo();
  }

  /// Each function does what the pool's function of the same name does, as soon as the whole change is published.
  backend_id add(B backend) {
    auto const key = detail::key_text(backend);
    auto const a = detail::attributes_of(backend, key);
    return add(std::move(backend), a);
  }

  backend_id add(B backend, attributes const& a) {
    auto key = detail::key_text(backend);
    if (key.empty()) fail("equipoise: a backend's key is empty");
    if (index_.by_key.find(key) != nullptr) fail("equipoise: key '" + key + "' is already a member's");
    return join(std::move(backend), a, std::move(key));
  }

  bool remove(backend_id id) {
    record* const r = index_.find(id);
    if (r != nullptr) leave(*r);
    return r != nullptr;
  }

  bool update(backend_id id, attributes const& a) {
    record* const r = index_.find(id);
    if (r == nullptr) return false;
    member& m = list_->all[r->index];
    member const wanted = with(m, a, r->key);
    changed_ |= wanted.weight != m.weight || wanted.priority != m.priority || wanted.zone != m.zone;
    m = wanted;
    return true;
  }

  template <class Range>
  bool assign(Range&& backends, assign_options options = {}) {
    static_assert(std::copy_constructible<B> || !std::is_lvalue_reference_v<Range>,
                  "equipoise: assign() moves backends that cannot be copied: give it the range as an rvalue");
    static_assert(std::forward_iterator<decltype(std::begin(backends))>,
                  "equipoise: assign() reads its range twice: give it a container, or a view that can be read again");
    if (options.keep_last_good && std::begin(backends) == std::end(backends)) return false;
    auto listed = keys_of(backends);
    bool const before = std::exchange(changed_, false) || incomplete_;
    incomplete_ = true;
    for (std::size_t i = 0; i != list_->all.size(); ++i)
      if (auto const* r = list_->all[i].record; r != nullptr && listed.index.find(r->key) == nullptr)
        leave(record_of(list_->all[i]));
    auto* node = listed.nodes.data();
    for (auto&& element : backends) {
      B const& b = element;  // an element may be of another type that converts to B
      std::string& key = (node++)->key;
      record* const known = index_.by_key.find(key);
      if (known != nullptr && same(known->value, b)) {
        update(known->id, detail::attributes_of(b, key));
        continue;
      }
      if (known != nullptr) leave(*known);
      auto const a = detail::attributes_of(b, key);
      if constexpr (std::copy_constructible<B>)
        join(B(b), a, std::move(key));
      else
        join(std::move(element), a, std::move(key));
    }
    incomplete_ = false;
    return std::exchange(changed_, changed_ || before);
  }

  /// The number of members, the changes made so far included.
  std::size_t size() const noexcept { return list_->all.size() - removed_.size(); }

  /// Whether there is anything to publish.
  bool changed() const noexcept { return changed_ || incomplete_; }

 private:
  friend membership<B>;

  struct listed_key {
    std::string key;
    listed_key* next_in_bucket = nullptr;
  };
  struct listed_keys {
    std::vector<listed_key> nodes;
    key_index<listed_key> index;
  };

  // The keys of a list, which must not be empty and differ.
  template <class Range>
  static listed_keys keys_of(Range& backends) {
    listed_keys listed;
    for (auto const& element : backends) {
      B const& b = element;
      listed.nodes.push_back({detail::key_text(b)});
      if (listed.nodes.back().key.empty()) fail("equipoise: a backend's key is empty");
    }
    listed.index.make_room(listed.nodes.size());
    for (listed_key& n : listed.nodes) {
      if (listed.index.find(n.key) != nullptr) fail("equipoise: key '" + n.key + "' is listed twice");
      listed.index.insert(n);
    }
    return listed;
  }

  static record& record_of(member const& m) noexcept {
    return *const_cast<record*>(static_cast<record const*>(m.record));
  }

  template <class T>
  static void grow(std::vector<T>& v) {
    if (v.size() == v.capacity()) v.reserve(2 * v.size() + 4);
  }

  // The key must be new and not empty. Everything that can fail comes before the first change.
  backend_id join(B backend, attributes const& a, std::string key) {
    member m = with(member{}, a, key);
    slots_.require_one();
    grow(list_->all);
    grow(added_);
    index_.by_key.make_room(index_.by_key.size() + 1);
    auto own_labels = detail::labels_of_backend(backend);
    owned<record> fresh{new record{std::move(backend)}};
    fresh->key = std::move(key);
    fresh->labels = std::move(own_labels);

    m.id = fresh->id = slots_.take();
    m.record = fresh.get();
    if (reports_ != nullptr) fresh->reports = reports_ + m.id.slot;
    fresh->index = list_->all.size();
    index_.by_key.insert(*fresh);
    index_.by_slot[m.id.slot] = fresh.get();
    list_->all.push_back(m);
    added_.push_back(std::move(fresh));
    changed_ = true;
    return m.id;
  }

  static bool same(B const& a, B const& b) {
    if constexpr (std::equality_comparable<B>)
      return a == b;
    else
      return true;
  }

  member with(member m, attributes const& a, std::string const& key) {
    std::uint32_t priority = 0;
    detail::read_number(priority, "priority", a.priority, 0xFFFF, key);
    m.weight = a.weight;
    m.priority = static_cast<std::uint16_t>(priority);
    m.zone = index_.zone_number(a.zone, key);
    return m;
  }

  void leave(record& r) {
    grow(removed_);
    removed_.push_back(&r);
    index_.by_key.erase(r);
    list_->all[r.index].record = nullptr;
    index_.by_slot[r.id.slot] = nullptr;
    changed_ = true;
  }

  void undo() noexcept {
    for (auto const& r : added_) {
      index_.by_key.erase(*r);
      index_.by_slot[r->id.slot] = nullptr;
    }
    for (record* r : removed_)
      if (r->joined != 0) index_.by_key.insert(*r);  // there was room for it before
    for (std::size_t i = 0; i != old_.all.size(); ++i) {
      record& r = record_of(old_.all[i]);
      r.index = i;
      index_.by_slot[r.id.slot] = &r;
    }
    index_.zones.resize(zones_before_);
    slots_.back_to(before_);
    for (auto const& r : added_) slots_.spend(r->id);
  }

  member_list const& old_;
  member_index<B>& index_;
  slot_allocator& slots_;
  observation* reports_;
  slot_allocator::position before_;
  std::size_t zones_before_;
  owned<member_list> list_;  // the new list; a removed member's record is null in it
  std::vector<owned<record>> added_;
  std::vector<record*> removed_;
  bool changed_ = false;
  bool incomplete_ = false;  // an assign() was refused half-way
  bool committed_ = false;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
