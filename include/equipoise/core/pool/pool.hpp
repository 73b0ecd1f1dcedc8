// The control plane: who is a member. Writers take a mutex; nobody on the data path does.
//
//   equipoise::pool<server> pool;
//   auto a = pool.add({"a", …});
//   pool.set(a, equipoise::health_flag::down);   // from any thread, counts at once
//   pool.assign(what_discovery_says);       // works out the difference by key
//   pool.refresh();                          // from the host's timer
//
// Each change publishes an immutable snapshot to every balancer; one that throws has changed nothing. A pool outlives
// its balancers and every lease. It is neither copied nor moved.
#pragma once

#include <equipoise/core/pool/membership.hpp>
#include <equipoise/core/pool/options.hpp>

#include <mutex>
#include <optional>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

template <class B>
class pool {
  static_assert(backend<B>,
                "equipoise: a backend is a movable type with a key: give it `std::string_view key_of(B const&)`, "
                "a member key(), or a specialised equipoise::backend_traits");
  using record = detail::record<B>;
  using reclaimed = detail::reclaimed<B>;

 public:
  using transaction = detail::transaction<B>;  // what change() hands out: add, remove, update, assign and size, as below

  // Refused (fail): a capacity or a number of rows out of range, no memory.
  explicit pool(pool_options const& options = {})
      : options_{detail::checked(options)}, state_table_{options.capacity, options.counter_stripes}, slots_{state_table_},
        lines_{options.observations ? state_table_.slots() : 0}, index_{state_table_.slots()}, members_{state_table_, slots_} {}
  pool(pool const&) = delete;
  pool& operator=(pool const&) = delete;

  // --- membership: each blocks on the pool's mutex, and costs O(members) and every balancer's build -----------------

  // Copies the key. Refused (fail): an empty or known key, a weight or priority out of range, no capacity.
  backend_id add(B backend) {
    return change([&](transaction& d) { return d.add(std::move(backend)); });
  }
  backend_id add(B backend, attributes const& a) {
    return change([&](transaction& d) { return d.add(std::move(backend), a); });
  }

  // Gets no work from now on; leases held keep the object alive. False for an id that is no member's.
  bool remove(backend_id id) {
    return change([&](transaction& d) { return d.remove(id); });
  }

  // New attributes for a member: the object, its health and its counts stay. False for an id that is no member's; refused
  // (fail): a priority out of range, or one that a policy's build refuses.
  bool update(backend_id id, attributes const& a) {
    return change([&](transaction& d) { return d.update(id, a); });
  }

  // Makes the members be exactly these: the same backend (== where it has one, else the same key) is kept, counts and
  // health with it, and takes the new attributes over; another object under a known key is a new incarnation; members
  // not listed leave. An empty or repeated key refuses the whole list. True if anything changed.
  template <class Range>
  bool assign(Range&& backends, assign_options options = {}) {
    return change([&](transaction& d) { return d.assign(std::forward<Range>(backends), options); });
  }

  // Many changes, one publish: change([&](auto& draft) { draft.add(…); draft.remove(…); }). Gives what `f` gives. If `f` or a
  // policy's build throws, nothing happened, and the ids that add() gave are void. `f` runs under the mutex, as do the
  // destructors of what an undone change leaves behind.
  template <class Change>
  auto change(Change&& f) {
    reclaimed after;  // declared first, so destroyed last: user code runs with no lock held
    std::lock_guard const lock{mutex_};
    transaction d{members_.current(), index_, slots_, options_.observations ? lines_.data() : nullptr};
    if constexpr (std::is_void_v<std::invoke_result_t<Change&, transaction&>>) {
      f(d);
      if (d.changed()) publish(d, after);
    } else {
      auto result = f(d);
      if (d.changed()) publish(d, after);
      return result;
    }
  }

  // Publishes if health changed since the last publish, then reclaims what nobody looks at any more.
  void refresh() {
    reclaimed after;
    std::lock_guard const lock{mutex_};
    if (state_table_.changes() != refreshed_) {
      transaction d{members_.current(), index_, slots_, nullptr};
      publish(d, after);
    } else {
      members_.sweep(after);
    }
  }

  // --- health: lock-free, from any thread ---------------------------------------------------------------------------

  // Counts at once: no pick that starts after this returned gets the backend, unless its mask says so. False, and nothing
  // changed, for an id that is not a member's any more (counted in stale_reports), and for `removed` and `zero_weight`, the
  // pool's own, and for what is no reason. Never waits for another thread; an observer runs before it returns.
  bool set(backend_id id, health_flag flags) noexcept { return change_health(id, flags, true); }
  bool clear(backend_id id, health_flag flags) noexcept { return change_health(id, flags, false); }

  // What there is against it now; `removed` for an id that is no member's. Wait-free.
  health_flag health(backend_id id) const noexcept { return state_table_.health(id); }

  // How often set and clear came too late. Wait-free.
  std::uint64_t stale_reports() const noexcept { return stale_.load(std::memory_order_relaxed); }

  // Zero once after `removed` (or `draining`): no lease (no new one) of this backend is or will be held. Wait-free; a load
  // for each count row.
  std::uint32_t in_flight(backend_id id) const noexcept { return state_table_.in_flight(id); }

  // What its leases reported, or null: not asked for, or not (or no longer) this pool's id. Wait-free.
  observation const* observed(backend_id id) const noexcept {
    bool const is_member = (state_table_.health(id) & health_flag::removed) == health_flag::none;
    return options_.observations && is_member ? &lines_[id.slot] : nullptr;
  }

  // --- look-ups: blocking ---------------------------------------------------------------------------------------------

  // The member of that key, or nothing. O(1).
  std::optional<backend_id> find(std::string_view key) const {
    std::lock_guard const lock{mutex_};
    auto const at = index_.by_key.find(key);
    return at == index_.by_key.end() ? std::nullopt : std::optional{at->second->id};
  }

  std::size_t size() const {
    std::lock_guard const lock{mutex_};
    return members_.current().all_members.size();
  }

  // f(id, B const&, attributes const&, reason) for each member in order; it runs under the mutex, so it must not call what
  // blocks on that.
  template <class Visitor>
  void for_each(Visitor&& f) const {
    std::lock_guard const lock{mutex_};
    for (member const& m : members_.current().all_members)
      f(m.id, static_cast<record const*>(m.record)->value, attributes{m.weight, m.priority, index_.zones[m.zone]},
        state_table_.health(m.id));
  }

  // What member::zone stands for; empty for none, and for a number that was never given.
  std::string zone_name(std::uint16_t zone) const {
    std::lock_guard const lock{mutex_};
    return zone < index_.zones.size() ? index_.zones[zone] : std::string{};
  }

  // What waits to be reclaimed by a later refresh() or change, in numbers of each. O(waiting).
  struct memory {
    std::size_t snapshots = 0;  // marked by a picker that has not picked since
    std::size_t lists = 0;      // of members, on which those snapshots stand
    std::size_t records = 0;    // backends that left, with a lease or in such a list
    std::size_t slots = 0;      // of backends that left, with a lease
  };
  memory waiting() const {
    std::lock_guard const lock{mutex_};
    return {members_.snapshots_waiting(), members_.lists_waiting(), members_.records_waiting(), slots_.waiting()};
  }

 private:
  template <class, class>
  friend class balancer;

  bool change_health(backend_id id, health_flag flags, bool on) noexcept {
    constexpr auto allowed = without(static_cast<health_flag>(detail::health_bits), health_flag::removed | health_flag::zero_weight);
    if (without(flags, allowed) != health_flag::none) return false;
    health_flag before{};
    if (!(on ? state_table_.set(id, flags, &before) : state_table_.clear(id, flags, &before))) {
      stale_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    health_flag const after = on ? before | flags : without(before, flags);
    if (after == before) return true;
    state_table_.count_change();
    if (options_.observer != nullptr) options_.observer(options_.context, {id, before, after});
    return true;
  }

  void publish(transaction& d, reclaimed& after) {
    auto const seen = state_table_.changes();
    members_.publish(d, after);
    refreshed_ = seen;
  }

  void join(detail::publisher& p) {
    std::lock_guard const lock{mutex_};
    members_.join(p);
  }
  void leave(detail::publisher& p) noexcept {
    reclaimed after;
    std::lock_guard const lock{mutex_};
    members_.leave(p, after);
  }

  pool_options options_;
  detail::state_table state_table_;
  detail::slot_allocator slots_;
  detail::zeroed_array<observation> lines_;
  detail::member_index<B> index_;
  detail::membership<B> members_;
  std::atomic<std::uint64_t> stale_{0};
  std::uint64_t refreshed_ = 0;
  mutable std::mutex mutex_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
