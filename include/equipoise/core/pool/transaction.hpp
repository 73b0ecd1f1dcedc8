// A change of membership while it is being made: all of it becomes true at once, or none of it.
#pragma once

#include <equipoise/core/pool/member_index.hpp>
#include <equipoise/core/pool/options.hpp>
#include <equipoise/core/registry/slot_allocator.hpp>
#include <equipoise/core/snapshot/snapshot.hpp>

#include <iterator>
#include <unordered_set>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Lives inside one pool call, under the pool's mutex. If it is never committed, its destructor puts everything back.
template <class B>
class transaction {
  using record = detail::record<B>;

 public:
  transaction(member_list const& old, member_index<B>& r, slot_allocator& s, observation* lines)
      : old_{old}, index_{r}, slots_{s}, lines_{lines}, before_{s.where()}, zones_before_{r.zones.size()},
        list_{std::make_unique<member_list>()} {
    list_->all_members = old.all_members;
  }
  transaction(transaction const&) = delete;
  transaction& operator=(transaction const&) = delete;
  ~transaction() {
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
    if (index_.by_key.contains(key)) fail("equipoise: key '" + key + "' is already a member's");
    member m = with(member{}, a, key);
    slots_.require_one();
    grow(list_->all_members);
    grow(joiners_);
    auto own_labels = labels_of_backend(backend);
    auto fresh = std::make_unique<record>(std::move(backend));
    fresh->key = std::move(key);
    fresh->labels = std::move(own_labels);
    index_.by_key.emplace(fresh->key, fresh.get());

    m.id = fresh->id = slots_.take();
    m.record = fresh.get();
    if (lines_ != nullptr) fresh->line = lines_ + m.id.slot;
    fresh->index = list_->all_members.size();
    index_.by_slot[m.id.slot] = fresh.get();
    list_->all_members.push_back(m);
    joiners_.push_back(std::move(fresh));
    changed_ = true;
    return m.id;
  }

  bool remove(backend_id id) {
    record* const r = index_.find(id);
    if (r != nullptr) leave(*r);
    return r != nullptr;
  }

  bool update(backend_id id, attributes const& a) {
    record* const r = index_.find(id);
    if (r == nullptr) return false;
    member& m = list_->all_members[r->index];
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
    for (std::size_t i = 0; i != list_->all_members.size(); ++i)
      if (auto const* r = list_->all_members[i].record; r != nullptr && !listed.contains(r->key))
        leave(record_of(list_->all_members[i]));
    for (auto&& b : backends) {
      auto const key = key_text(b);
      auto const at = index_.by_key.find(key);
      if (at != index_.by_key.end() && same(at->second->value, b)) {
        update(at->second->id, attributes_of(b, key));
        continue;
      }
      if (at != index_.by_key.end()) leave(*at->second);
      if constexpr (std::copy_constructible<B>)
        add(B(b));
      else
        add(std::move(b));
    }
    half_way_ = false;
    return std::exchange(changed_, changed_ || before);
  }

  // Members, the changes made so far counted.
  std::size_t size() const noexcept { return list_->all_members.size() - leavers_.size(); }
  bool changed() const noexcept { return changed_ || half_way_; }

  // The new list, complete; still nothing has happened outside the draft. May throw.
  std::unique_ptr<member_list> finish(state_table const& words) {
    if (half_way_) fail("equipoise: a change whose assign() was refused half-way is refused as a whole");
    auto& all_members = list_->all_members;
    if (!leavers_.empty()) {
      std::erase_if(all_members, [](member const& m) { return m.record == nullptr; });
      for (std::size_t i = 0; i != all_members.size(); ++i) record_of(all_members[i]).index = i;
    }
    list_->sequence = old_.sequence + 1;
    std::vector<bool> is_healthy(all_members.size());
    for (std::size_t i = 0; i != all_members.size(); ++i) {
      member const& m = all_members[i];
      bool const joins = record_of(m).joined == 0;
      std::uint32_t const against = joins ? 0 : static_cast<std::uint32_t>(words.health(m.id));
      bool const had_zero_weight = (against & static_cast<std::uint32_t>(health_flag::zero_weight)) != 0;
      if (!joins && had_zero_weight != (m.weight == 0)) (m.weight == 0 ? losing_ : gaining_).push_back(m.id);
      is_healthy[i] = m.weight != 0 && (against & ~static_cast<std::uint32_t>(health_flag::zero_weight)) == 0;
    }
    list_->divide(is_healthy);
    return std::move(list_);
  }

  // The point of no return. The words of those who join or gain a weight come first, so that whoever sees them in a
  // snapshot may have them.
  void commit(state_table& words, member_list const& list) noexcept {
    committed_ = true;
    for (backend_id id : gaining_) words.clear(id, health_flag::zero_weight);
    for (auto& joiner : joiners_) {
      joiner->joined = list.sequence;
      bool const zero_weight = joiner->index < list.all_members.size() && list.all_members[joiner->index].record == joiner.get() &&
                              list.all_members[joiner->index].weight == 0;
      words.word_of(joiner->id.slot).store(joiner->id.tag | (zero_weight ? static_cast<std::uint32_t>(health_flag::zero_weight) : 0u),
                                           std::memory_order_release);
      joiner.release();  // the list owns it now, or the leavers do
    }
  }

  // Those who lose their weight or leave come after the exchange, so that a pick that finds all old ones gone also finds the
  // new snapshot. Gives those who left.
  std::unique_ptr<record> part(state_table& words, std::uint64_t sequence) noexcept {
    for (backend_id id : losing_) words.set(id, health_flag::zero_weight);
    std::unique_ptr<record> gone;
    for (auto& node : leavers_) {
      std::unique_ptr<record> r{node.mapped()};
      words.set(r->id, health_flag::removed);
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
    m.zone = index_.zone_number(a.zone, key);
    return m;
  }

  void leave(record& r) {
    grow(leavers_);
    leavers_.push_back(index_.by_key.extract(std::string_view{r.key}));
    list_->all_members[r.index].record = nullptr;
    index_.by_slot[r.id.slot] = nullptr;
    changed_ = true;
  }

  void undo() noexcept {
    for (auto const& joiner : joiners_) {
      if (auto const at = index_.by_key.find(joiner->key); at != index_.by_key.end() && at->second == joiner.get())
        index_.by_key.erase(at);
      index_.by_slot[joiner->id.slot] = nullptr;
    }
    for (auto& node : leavers_)
      if (node.mapped()->joined != 0) index_.by_key.insert(std::move(node));  // there was room for it before
    for (std::size_t i = 0; i != old_.all_members.size(); ++i) {
      record& r = record_of(old_.all_members[i]);
      r.index = i;
      index_.by_slot[r.id.slot] = &r;
    }
    index_.zones.resize(zones_before_);
    slots_.back_to(before_);
    for (auto const& joiner : joiners_) slots_.spend(joiner->id);
  }

  member_list const& old_;
  member_index<B>& index_;
  slot_allocator& slots_;
  observation* lines_;
  slot_allocator::position before_;
  std::size_t zones_before_;
  std::unique_ptr<member_list> list_;  // the newest; whoever left has no record in it until finish()
  std::vector<std::unique_ptr<record>> joiners_;
  std::vector<typename decltype(member_index<B>::by_key)::node_type> leavers_;
  std::vector<backend_id> losing_, gaining_;  // their weight
  bool changed_ = false;
  bool half_way_ = false;  // an assign() began, and did not come to its end
  bool committed_ = false;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
