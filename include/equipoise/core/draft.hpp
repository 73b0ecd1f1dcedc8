// A change of membership while it is being made: all of it becomes true at once, or none of it.
#pragma once

#include <equipoise/core/roster.hpp>
#include <equipoise/core/slots.hpp>
#include <equipoise/core/snapshot.hpp>

#include <iterator>
#include <unordered_set>

namespace equipoise::inline EQUIPOISE_ABI {

struct assign_options {
  bool keep_last_good = false;  // an empty list changes nothing: discovery that answers nothing is broken more often than right
};

}  // namespace equipoise::inline EQUIPOISE_ABI

namespace equipoise::inline EQUIPOISE_ABI::detail {

// Lives inside one pool call, under the pool's mutex. If it is never committed, its destructor puts everything back.
template <class B>
class draft {
  using record = detail::record<B>;

 public:
  draft(member_list const& old, roster<B>& r, slots& s, observation* lines)
      : old_{old}, roster_{r}, slots_{s}, lines_{lines}, before_{s.where()}, zones_before_{r.zones.size()},
        list_{std::make_unique<member_list>()} {
    list_->everybody = old.everybody;
  }
  draft(draft const&) = delete;
  draft& operator=(draft const&) = delete;
  ~draft() {
    if (!committed_) undo();
  }

  // add, remove, update and assign promise what the pool's functions of these names do, once the change is over.
  backend_id add(B backend) {
    auto const key = key_text(backend);
    auto const a = attributes_of(backend, key);
    return add(std::move(backend), a);
  }

  // Whatever fails, fails before anything has changed.
  backend_id add(B backend, attributes const& a) {
    auto key = key_text(backend);
    if (key.empty()) fail("equipoise: a backend's key is empty");
    if (roster_.by_key.contains(key)) fail("equipoise: key '" + key + "' is already a member's");
    member m = with(member{}, a, key);
    slots_.require_one();
    grow(list_->everybody);
    grow(joiners_);
    auto own_labels = labels_of_backend(backend);
    auto fresh = std::make_unique<record>(std::move(backend));
    fresh->key = std::move(key);
    fresh->labels = std::move(own_labels);
    roster_.by_key.emplace(fresh->key, fresh.get());

    m.id = fresh->id = slots_.take();
    m.record = fresh.get();
    if (lines_ != nullptr) fresh->line = lines_ + m.id.slot;
    fresh->index = list_->everybody.size();
    roster_.by_slot[m.id.slot] = fresh.get();
    list_->everybody.push_back(m);
    joiners_.push_back(std::move(fresh));
    changed_ = true;
    return m.id;
  }

  bool remove(backend_id id) {
    record* const r = roster_.find(id);
    if (r != nullptr) leave(*r);
    return r != nullptr;
  }

  bool update(backend_id id, attributes const& a) {
    record* const r = roster_.find(id);
    if (r == nullptr) return false;
    member& m = list_->everybody[r->index];
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
    std::unordered_set<std::string> listed;
    for (B const& b : backends) {
      auto key = key_text(b);
      if (key.empty()) fail("equipoise: a backend's key is empty");
      if (!listed.insert(key).second) fail("equipoise: key '" + key + "' is listed twice");
    }
    bool const before = std::exchange(changed_, false) || half_way_;
    half_way_ = true;
    for (std::size_t i = 0; i != list_->everybody.size(); ++i)
      if (auto const* r = list_->everybody[i].record; r != nullptr && !listed.contains(r->key))
        leave(record_of(list_->everybody[i]));
    for (auto&& b : backends) {
      auto const key = key_text(b);
      auto const at = roster_.by_key.find(key);
      if (at != roster_.by_key.end() && same(at->second->value, b)) {
        update(at->second->id, attributes_of(b, key));
        continue;
      }
      if (at != roster_.by_key.end()) leave(*at->second);
      if constexpr (std::copy_constructible<B>)
        add(B(b));
      else
        add(std::move(b));
    }
    half_way_ = false;
    return std::exchange(changed_, changed_ || before);
  }

  // Members, the changes made so far counted.
  std::size_t size() const noexcept { return list_->everybody.size() - leavers_.size(); }
  bool changed() const noexcept { return changed_ || half_way_; }

  // The new list, complete; still nothing has happened outside the draft. May throw.
  std::unique_ptr<member_list> finish(registry const& words) {
    if (half_way_) fail("equipoise: a change whose assign() was refused half-way is refused as a whole");
    auto& everybody = list_->everybody;
    if (!leavers_.empty()) {
      std::erase_if(everybody, [](member const& m) { return m.record == nullptr; });
      for (std::size_t i = 0; i != everybody.size(); ++i) record_of(everybody[i]).index = i;
    }
    list_->sequence = old_.sequence + 1;
    std::vector<bool> is_well(everybody.size());
    for (std::size_t i = 0; i != everybody.size(); ++i) {
      member const& m = everybody[i];
      bool const joins = record_of(m).joined == 0;
      std::uint32_t const against = joins ? 0 : static_cast<std::uint32_t>(words.reasons(m.id));
      bool const was_weightless = (against & static_cast<std::uint32_t>(reason::weightless)) != 0;
      if (!joins && was_weightless != (m.weight == 0)) (m.weight == 0 ? losing_ : gaining_).push_back(m.id);
      is_well[i] = m.weight != 0 && (against & ~static_cast<std::uint32_t>(reason::weightless)) == 0;
    }
    list_->divide(is_well);
    return std::move(list_);
  }

  // The point of no return. The words of those who join or gain a weight come first, so that whoever sees them in a
  // snapshot may have them.
  void commit(registry& words, member_list const& list) noexcept {
    committed_ = true;
    for (backend_id id : gaining_) words.clear(id, reason::weightless);
    for (auto& joiner : joiners_) {
      joiner->joined = list.sequence;
      bool const weightless = joiner->index < list.everybody.size() && list.everybody[joiner->index].record == joiner.get() &&
                              list.everybody[joiner->index].weight == 0;
      words.word_of(joiner->id.slot).store(joiner->id.tag | (weightless ? static_cast<std::uint32_t>(reason::weightless) : 0u),
                                           std::memory_order_release);
      joiner.release();  // the list owns it now, or the leavers do
    }
  }

  // Those who lose their weight or leave come after the exchange, so that a pick that finds all old ones gone also finds the
  // new snapshot. Gives those who left.
  std::unique_ptr<record> part(registry& words, std::uint64_t sequence) noexcept {
    for (backend_id id : losing_) words.set(id, reason::weightless);
    std::unique_ptr<record> gone;
    for (auto& node : leavers_) {
      std::unique_ptr<record> r{node.mapped()};
      words.set(r->id, reason::removed);
      slots_.leave();
      r->left = sequence;
      push(gone, std::move(r));
    }
    return gone;
  }

 private:
  static record& record_of(member const& m) noexcept { return *const_cast<record*>(static_cast<record const*>(m.record)); }

  template <class T>
  static void grow(std::vector<T>& v) {
    if (v.size() == v.capacity()) v.reserve(2 * v.size() + 4);
  }

  static bool same(B const& a, B const& b) {
    if constexpr (std::equality_comparable<B>)
      return a == b;
    else
      return true;
  }

  member with(member m, attributes const& a, std::string const& key) {
    m.weight = a.weight;
    m.priority = static_cast<std::uint16_t>(checked("priority", a.priority, 0xFFFF, key));
    m.zone = roster_.zone_number(a.zone, key);
    return m;
  }

  void leave(record& r) {
    grow(leavers_);
    leavers_.push_back(roster_.by_key.extract(std::string_view{r.key}));
    list_->everybody[r.index].record = nullptr;
    roster_.by_slot[r.id.slot] = nullptr;
    changed_ = true;
  }

  void undo() noexcept {
    for (auto const& joiner : joiners_) {
      if (auto const at = roster_.by_key.find(joiner->key); at != roster_.by_key.end() && at->second == joiner.get())
        roster_.by_key.erase(at);
      roster_.by_slot[joiner->id.slot] = nullptr;
    }
    for (auto& node : leavers_)
      if (node.mapped()->joined != 0) roster_.by_key.insert(std::move(node));  // there was room for it before
    for (std::size_t i = 0; i != old_.everybody.size(); ++i) {
      record& r = record_of(old_.everybody[i]);
      r.index = i;
      roster_.by_slot[r.id.slot] = &r;
    }
    roster_.zones.resize(zones_before_);
    slots_.back_to(before_);
    for (auto const& joiner : joiners_) slots_.spend(joiner->id);
  }

  member_list const& old_;
  roster<B>& roster_;
  slots& slots_;
  observation* lines_;
  slots::position before_;
  std::size_t zones_before_;
  std::unique_ptr<member_list> list_;  // the newest; whoever left has no record in it until finish()
  std::vector<std::unique_ptr<record>> joiners_;
  std::vector<typename decltype(roster<B>::by_key)::node_type> leavers_;
  std::vector<backend_id> losing_, gaining_;  // their weight
  bool changed_ = false;
  bool half_way_ = false;  // an assign() began, and did not come to its end
  bool committed_ = false;
};

}  // namespace equipoise::inline EQUIPOISE_ABI::detail
