// SPDX-License-Identifier: MIT
// A change of membership while it is being made: all of it takes effect at once, or none of it does.
#pragma once

#include <equipoise/core/pool/member_index.hpp>
#include <equipoise/core/pool/options.hpp>
#include <equipoise/core/registry/slot_allocator.hpp>
#include <equipoise/core/snapshot/snapshot.hpp>

#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// What the function that is given to pool::change() receives. Lives inside one call of the pool, under its mutex. If
// the membership does not commit it, its destructor puts everything back.
template <class B>
class transaction {
  using record = detail::record<B>;

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
  backend_id add(B backend) {
    auto const key = detail::key_text(backend);
    auto const a = detail::attributes_of(backend, key);
    return add(std::move(backend), a);
  }

  backend_id add(B backend, attributes const& a) {
    auto key = detail::key_text(backend);
    if (key.empty()) fail("equipoise: a backend's key is empty");
    if (index_.by_key.find(key) != nullptr) fail("equipoise: key '" + key + "' is already a member's");
    return join(std::move(backend), a, std::move(key)).id;
  }

  bool remove(backend_id id) {
    record* const r = index_.find(id);
    if (r != nullptr) leave(*r);
    return r != nullptr;
  }

  bool update(backend_id id, attribute_changes const& c) {
    record* const r = index_.find(id);
    if (r == nullptr) return false;
    attributes a = index_.attributes_of(*r);
    if (c.weight) detail::read_number(a.weight, "weight", *c.weight, 0xFFFFFFFF, r->key);
    if (c.priority) detail::read_number(a.priority, "priority", *c.priority, 0xFFFF, r->key);
    if (c.zone) a.zone = *c.zone;
    set_numbers(*r, numbers_of(a, r->key));
    return true;
  }

  template <class Range>
  bool assign(Range&& backends, assign_options options = {}) {
    static_assert(std::copy_constructible<B> || !std::is_lvalue_reference_v<Range>,
                  "equipoise: assign() moves backends that cannot be copied: give it the range as an rvalue");
    static_assert(std::forward_iterator<decltype(std::begin(backends))>,
                  "equipoise: assign() reads its range twice: give it a container, or a view that can be read again");
    if (options.keep_last_good && std::begin(backends) == std::end(backends)) return false;
    listed_backends listed = look_up(backends);
    bool const before = std::exchange(changed_, false) || incomplete_;
    incomplete_ = true;
    if (listed.known != size()) {
      std::vector<record*> unlisted;
      for_each_member([&](record& r) {
        if (r.assigned != index_.assigns) unlisted.push_back(&r);
      });
      for (record* r : unlisted) leave(*r);
    }
    auto* fresh = listed.fresh.data();
    std::size_t i = 0;
    for (auto&& element : backends) {
      record*& known = listed.members[i];
      if (listed.marks[i++] == mark::unchanged) continue;
      B const& b = element;  // an element may be of another type that converts to B
      if (known != nullptr && same(known->value, b)) {
        set_numbers(*known, numbers_of(detail::attributes_of(b, known->key), known->key));
        continue;
      }
      std::string key = known != nullptr ? std::string{known->key} : std::move((fresh++)->key);
      if (known != nullptr) leave(*known);
      auto const a = detail::attributes_of(b, key);
      if constexpr (std::copy_constructible<B>)
        known = &join(B(b), a, std::move(key));
      else
        known = &join(std::move(element), a, std::move(key));
      listed.marks[i - 1] = mark::joined;
    }
    put_in_order(listed);
    incomplete_ = false;
    return std::exchange(changed_, changed_ || before);
  }

  /// The id of the member with that key, the changes made so far included; a false id if there is none.
  backend_id find(std::string_view key) const noexcept { return index_.id_of(key); }

  /// The number of members, the changes made so far included.
  std::size_t size() const noexcept { return old_.all().size() + added_.size() - removed_.size(); }

  /// Whether there is anything to publish.
  bool changed() const noexcept { return changed_ || incomplete_; }

 private:
  friend membership<B>;

  struct listed_key {
    std::string key;
    std::size_t index = 0;  // in the list
    listed_key* next_in_bucket = nullptr;
  };
  enum class mark : char { none, unchanged, joined };
  struct listed_backends {
    std::vector<record*> members;   // null for a key that is no member's
    std::vector<mark> marks;        // beside them, so that what has not changed is looked at once
    std::vector<listed_key> fresh;  // the keys that are no member's
    std::size_t known = 0;          // how many are
    bool in_order = true;           // whether these have their present order
  };

  // Looks for the keys of a list, which must not be empty and differ. It expects the present order, which costs a
  // comparison for each key; the others are looked up.
  template <class Range>
  listed_backends look_up(Range& backends) {
    listed_backends listed;
    if constexpr (requires { std::size(backends); }) {
      listed.members.reserve(std::size(backends));
      listed.marks.reserve(std::size(backends));
    }
    count_assign();
    constexpr auto none = ~std::size_t{0};
    std::size_t twice = none;  // the first index with a key that was listed before
    auto const now = old_.all();
    std::size_t expected = 0;     // the index of the member that should be next
    std::uint32_t surprises = 0;  // in a row
    std::uint64_t last = 0;       // position
    for (auto const& element : backends) {
      B const& b = element;
      auto&& text = detail::key_from(b);
      std::string_view const key{text};
      if (key.empty()) fail("equipoise: a backend's key is empty");
      record* r = expected < now.size() ? &record_of(now[expected]) : nullptr;
      bool const is_as_expected = r != nullptr && !r->is_leaving && r->key == key;
      if (!is_as_expected) r = index_.by_key.find(key);
      std::size_t const i = listed.members.size();
      listed.members.push_back(r);
      listed.marks.push_back(r != nullptr && same(r->value, b) && has_attributes(*r, b) ? mark::unchanged : mark::none);
      if (r == nullptr) {
        listed.fresh.push_back({std::string{key}, i});
        continue;
      }
      if (r->assigned == index_.assigns && twice == none) twice = i;
      r->assigned = index_.assigns;
      ++listed.known;
      listed.in_order = listed.in_order && std::exchange(last, r->position) < r->position;
      surprises = is_as_expected ? 0 : surprises + 1;
      // Finding the place again costs more than looking up a key, so it is tried less and less often.
      if (is_as_expected)
        ++expected;
      else if (std::has_single_bit(surprises))
        expected = first_from(now, r->position + 1);
    }
    key_index<listed_key> fresh;
    fresh.make_room(listed.fresh.size());
    for (listed_key& n : listed.fresh) {
      if (fresh.find(n.key) != nullptr) {
        twice = n.index < twice ? n.index : twice;
        break;
      }
      fresh.insert(n);
    }
    if (twice != none) fail("equipoise: key '" + key_at(backends, twice) + "' is listed twice");
    return listed;
  }
  template <class Range>
  static std::string key_at(Range& backends, std::size_t index) {
    for (auto const& element : backends)
      if (B const& b = element; index-- == 0) return detail::key_text(b);
    return {};
  }

  static record& record_of(member const& m) noexcept {
    return *const_cast<record*>(static_cast<record const*>(m.record));
  }

  template <class T>
  static void grow(std::vector<T>& v) {
    if (v.size() == v.capacity()) v.reserve(2 * v.size() + 4);
  }

  // Each assign() marks the members that it lists with its number.
  void count_assign() noexcept {
    if (++index_.assigns != 0) return;
    for_each_member([](record& r) { r.assigned = 0; });
    index_.assigns = 1;
  }

  // Calls f for each member, the changes made so far included.
  template <class F>
  void for_each_member(F&& f) {
    for (member const& m : old_.all())
      if (record& r = record_of(m); !r.is_leaving) f(r);
    for (auto const& r : added_)
      if (!r->is_leaving) f(*r);
  }

  // The key must be new and not empty. Everything that can fail comes before the first change.
  record& join(B backend, attributes const& a, std::string key) {
    numbers const n = numbers_of(a, key);
    slots_.require_one();
    grow(added_);
    if (is_reordered_) grow(order_);
    index_.by_key.make_room(index_.by_key.size() + 1);
    owned<record> fresh{new record{std::move(backend), key}};

    fresh->id = slots_.take();
    fresh->states = &slots_.states();
    fresh->position = next_position();
    give(*fresh, n);
    index_.by_key.insert(*fresh);
    index_.by_slot[fresh->id.slot] = fresh.get();
    if (is_reordered_) order_.push_back(fresh.get());
    added_.push_back(std::move(fresh));
    changed_ = true;
    return *added_.back();
  }

  void leave(record& r) {
    grow(removed_);
    removed_.push_back(&r);
    r.is_leaving = true;
    index_.by_key.erase(r);
    index_.by_slot[r.id.slot] = nullptr;
    changed_ = true;
  }

  // Attributes as records hold them.
  struct numbers {
    std::uint32_t weight;
    std::uint16_t priority, zone;
    friend bool operator==(numbers const&, numbers const&) = default;
  };
  static numbers given(record const& r) noexcept { return {r.weight, r.priority, r.zone}; }
  static void give(record& r, numbers const& n) noexcept {
    r.weight = n.weight, r.priority = n.priority, r.zone = n.zone;
  }
  numbers numbers_of(attributes const& a, std::string_view key) {
    std::uint32_t priority = 0;
    detail::read_number(priority, "priority", a.priority, 0xFFFF, key);
    return {a.weight, static_cast<std::uint16_t>(priority), index_.zone_number(a.zone, key)};
  }

  void set_numbers(record& r, numbers const& wanted) {
    if (wanted == given(r)) return;
    if (r.joined != 0 && !r.is_updated) {
      updated_.push_back({&r, given(r)});
      r.is_updated = true;
    }
    give(r, wanted);
    changed_ = true;
  }

  // Records get positions with room for others between them.
  static constexpr std::uint64_t gap = std::uint64_t{1} << 20;
  std::uint64_t next_position() noexcept { return index_.last_position += gap; }

  // Gives all members the order of the list that was assigned. Those that have just joined find room between others.
  void put_in_order(listed_backends const& listed) {
    std::size_t between = 0;  // how many have joined between others
    bool const fits = listed.in_order && find_room(listed, between);
    if (fits && !is_reordered_ && between <= member_lists<record>::few) return;
    order_.assign(listed.members.begin(), listed.members.end());
    is_reordered_ = true;
    if (fits) return;
    index_.last_position = 0;
    for (record* r : listed.members) r->position = next_position();
    changed_ = true;
  }
  // False if there is none.
  bool find_room(listed_backends const& listed, std::size_t& between) noexcept {
    auto const& all = listed.members;
    for (std::size_t i = 0; i != all.size(); ++i) {
      if (listed.marks[i] != mark::joined) continue;
      std::size_t const first = i;
      while (i + 1 != all.size() && listed.marks[i + 1] == mark::joined) ++i;
      std::uint64_t last = first != 0 ? all[first - 1]->position : 0;
      bool const is_last = i + 1 == all.size();
      std::uint64_t const step = is_last ? 0 : (all[i + 1]->position - last) / (i + 2 - first);
      if (step == 0 && !is_last) return false;
      if (!is_last) between += i + 1 - first;
      for (std::size_t k = first; k <= i; ++k) all[k]->position = is_last ? next_position() : last += step;
    }
    return true;
  }

  // Whether a record has a backend's attributes already. Out of range counts as different.
  bool has_attributes(record const& r, B const& b) const {
    auto const is = [](auto const& given, std::uint32_t value, std::uint32_t usual) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(given)>, not_given>)
        return value == usual;
      else
        return std::cmp_equal(given, value);
    };
    if (!is(detail::weight_from(b), r.weight, 1) || !is(detail::priority_from(b), r.priority, 0)) return false;
    if constexpr (std::same_as<decltype(detail::zone_from(b)), not_given>)
      return r.zone == 0;
    else
      return index_.zones[r.zone] == std::string_view{detail::zone_from(b)};
  }

  static bool same(B const& a, B const& b) {
    if constexpr (std::equality_comparable<B>)
      return a == b;
    else
      return true;
  }

  // What is to be published. May throw.
  membership_change<record> result() const {
    membership_change<record> c;
    for (auto const& r : added_)
      if (!r->is_leaving) c.joined.push_back(r.get());
    for (record* r : removed_)
      if (r->joined != 0) c.left.push_back(r);
    for (auto const& u : updated_)
      if (!u.of->is_leaving) c.updated.push_back(u.of);
    if (is_reordered_)
      for (record* r : order_)
        if (!r->is_leaving) c.order.push_back(r);
    c.is_reordered = is_reordered_;
    return c;
  }

  void undo() noexcept {
    for (auto const& r : added_) {
      index_.by_key.erase(*r);
      index_.by_slot[r->id.slot] = nullptr;
    }
    for (record* r : removed_)
      if (r->joined != 0) {
        r->is_leaving = false;
        index_.by_key.insert(*r);  // there was room for it before
        index_.by_slot[r->id.slot] = r;
      }
    for (auto const& u : updated_) give(*u.of, u.before);
    if (is_reordered_) {
      index_.last_position = 0;
      for (member const& m : old_.all()) record_of(m).position = next_position();
    }
    index_.zones.resize(zones_before_);
    slots_.back_to(before_);
    for (auto const& r : added_) slots_.spend(r->id);
  }

  struct update_of {
    record* of;
    numbers before;
  };

  member_list const& old_;
  member_index<B>& index_;
  slot_allocator& slots_;
  slot_allocator::position before_;
  std::size_t zones_before_;
  std::vector<owned<record>> added_;
  std::vector<record*> removed_;
  std::vector<update_of> updated_;  // each once
  std::vector<record*> order_;      // all members in their new order, if there is one
  bool is_reordered_ = false;
  bool changed_ = false;
  bool incomplete_ = false;  // an assign() was refused half-way
  bool committed_ = false;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
