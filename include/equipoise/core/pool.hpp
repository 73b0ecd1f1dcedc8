// The control plane: who is a member. Writers take a mutex; nobody on the data path does.
//
//   equipoise::pool<server> pool;
//   auto a = pool.add({"a", …});
//   pool.set(a, equipoise::reason::down);   // from any thread, counts at once
//   pool.assign(what_discovery_says);       // works out the difference by key
//   pool.settle();                          // from the host's timer
//
// Each change publishes an immutable snapshot to every balancer; one that throws has changed nothing. A pool outlives
// its balancers and every lease. It is neither copied nor moved.
#pragma once

#include <equipoise/core/membership.hpp>
#include <equipoise/core/pool_options.hpp>

#include <mutex>
#include <optional>

namespace equipoise::inline EQUIPOISE_ABI {

template <class B>
class pool {
  static_assert(backend<B>,
                "equipoise: a backend is a movable type with a key: give it `std::string_view key_of(B const&)`, "
                "a member key(), or a specialised equipoise::backend_traits");
  using record = detail::record<B>;
  using doomed = detail::doomed<B>;

 public:
  using draft = detail::draft<B>;  // what change() hands out: add, remove, update, assign and size, as below

  // Refused (fail): a capacity or a number of rows out of range, no memory.
  explicit pool(pool_options const& options = {})
      : options_{detail::checked(options)}, registry_{options.capacity, options.rows}, slots_{registry_},
        lines_{options.observations ? registry_.slots() : 0}, roster_{registry_.slots()}, members_{registry_, slots_} {}
  pool(pool const&) = delete;
  pool& operator=(pool const&) = delete;

  // --- membership: each blocks on the pool's mutex, and costs O(members) and every balancer's build -----------------

  // Copies the key. Refused (fail): an empty or known key, a weight or priority out of range, no capacity.
  backend_id add(B backend) {
    return change([&](draft& d) { return d.add(std::move(backend)); });
  }
  backend_id add(B backend, attributes const& a) {
    return change([&](draft& d) { return d.add(std::move(backend), a); });
  }

  // Gets no work from now on; leases held keep the object alive. False for an id that is no member's.
  bool remove(backend_id id) {
    return change([&](draft& d) { return d.remove(id); });
  }

  // New attributes for a member: the object, its health and its counts stay. False for an id that is no member's; refused
  // (fail): a priority out of range, or one that a policy's build refuses.
  bool update(backend_id id, attributes const& a) {
    return change([&](draft& d) { return d.update(id, a); });
  }

  // Makes the members be exactly these: the same backend (== where it has one, else the same key) is kept, counts and
  // health with it, and takes the new attributes over; another object under a known key is a new incarnation; members
  // not listed leave. An empty or repeated key refuses the whole list. True if anything changed.
  template <class Range>
  bool assign(Range&& backends, assign_options options = {}) {
    return change([&](draft& d) { return d.assign(std::forward<Range>(backends), options); });
  }

  // Many changes, one publish: change([&](auto& draft) { draft.add(…); draft.remove(…); }). Gives what `f` gives. If `f` or a
  // policy's build throws, nothing happened, and the ids that add() gave are void. `f` runs under the mutex, as do the
  // destructors of what an undone change leaves behind.
  template <class Change>
  auto change(Change&& f) {
    doomed after;  // declared first, so destroyed last: user code runs with no lock held
    std::lock_guard const lock{mutex_};
    draft d{members_.current(), roster_, slots_, options_.observations ? lines_.data() : nullptr};
    if constexpr (std::is_void_v<std::invoke_result_t<Change&, draft&>>) {
      f(d);
      if (d.changed()) publish(d, after);
    } else {
      auto result = f(d);
      if (d.changed()) publish(d, after);
      return result;
    }
  }

  // Publishes if health changed since the last publish, then reclaims what nobody looks at any more.
  void settle() {
    doomed after;
    std::lock_guard const lock{mutex_};
    if (registry_.changes() != settled_) {
      draft d{members_.current(), roster_, slots_, nullptr};
      publish(d, after);
    } else {
      members_.sweep(after);
    }
  }

  // --- health: lock-free, from any thread ---------------------------------------------------------------------------

  // Counts at once: no pick that starts after this returned gets the backend, unless its mask says so. False, and nothing
  // changed, for an id that is not a member's any more (counted in stale_reports), and for `removed` and `weightless`, the
  // pool's own, and for what is no reason. Never waits for another thread; an observer runs before it returns.
  bool set(backend_id id, reason reasons) noexcept { return mark(id, reasons, true); }
  bool clear(backend_id id, reason reasons) noexcept { return mark(id, reasons, false); }

  // What there is against it now; `removed` for an id that is no member's. Wait-free.
  reason reasons(backend_id id) const noexcept { return registry_.reasons(id); }

  // How often set and clear came too late. Wait-free.
  std::uint64_t stale_reports() const noexcept { return stale_.load(std::memory_order_relaxed); }

  // Zero once after `removed` (or `draining`): no lease (no new one) of this backend is or will be held. Wait-free; a load
  // for each count row.
  std::uint32_t in_flight(backend_id id) const noexcept { return registry_.in_flight(id); }

  // What its leases reported, or null: not asked for, or not (or no longer) this pool's id. Wait-free.
  observation const* observed(backend_id id) const noexcept {
    bool const is_member = (registry_.reasons(id) & reason::removed) == reason::none;
    return options_.observations && is_member ? &lines_[id.slot] : nullptr;
  }

  // --- look-ups: blocking ---------------------------------------------------------------------------------------------

  // The member of that key, or nothing. O(1).
  std::optional<backend_id> find(std::string_view key) const {
    std::lock_guard const lock{mutex_};
    auto const at = roster_.by_key.find(key);
    return at == roster_.by_key.end() ? std::nullopt : std::optional{at->second->id};
  }

  std::size_t size() const {
    std::lock_guard const lock{mutex_};
    return members_.current().everybody.size();
  }

  // f(id, B const&, attributes const&, reason) for each member in order; it runs under the mutex, so it must not call what
  // blocks on that.
  template <class Visitor>
  void for_each(Visitor&& f) const {
    std::lock_guard const lock{mutex_};
    for (member const& m : members_.current().everybody)
      f(m.id, static_cast<record const*>(m.record)->value, attributes{m.weight, m.priority, roster_.zones[m.zone]},
        registry_.reasons(m.id));
  }

  // What member::zone stands for; empty for none, and for a number that was never given.
  std::string zone_name(std::uint16_t zone) const {
    std::lock_guard const lock{mutex_};
    return zone < roster_.zones.size() ? roster_.zones[zone] : std::string{};
  }

  // What waits to be reclaimed by a later settle() or change, in numbers of each. O(waiting).
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

  bool mark(backend_id id, reason reasons, bool on) noexcept {
    constexpr auto allowed = without(static_cast<reason>(reason_bits), reason::removed | reason::weightless);
    if (without(reasons, allowed) != reason::none) return false;
    reason before{};
    if (!(on ? registry_.set(id, reasons, &before) : registry_.clear(id, reasons, &before))) {
      stale_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    reason const after = on ? before | reasons : without(before, reasons);
    if (after == before) return true;
    registry_.count_change();
    if (options_.observer != nullptr) options_.observer(options_.context, {id, before, after});
    return true;
  }

  void publish(draft& d, doomed& after) {
    auto const seen = registry_.changes();
    members_.publish(d, after);
    settled_ = seen;
  }

  void join(detail::publisher& p) {
    std::lock_guard const lock{mutex_};
    members_.join(p);
  }
  void leave(detail::publisher& p) noexcept {
    doomed after;
    std::lock_guard const lock{mutex_};
    members_.leave(p, after);
  }

  pool_options options_;
  registry registry_;
  detail::slots slots_;
  detail::zeroed_array<observation> lines_;
  detail::roster<B> roster_;
  detail::membership<B> members_;
  std::atomic<std::uint64_t> stale_{0};
  std::uint64_t settled_ = 0;
  mutable std::mutex mutex_;
};

}  // namespace equipoise::inline EQUIPOISE_ABI
