// SPDX-License-Identifier: MIT
// The control plane: which backends are members, with which attributes and in which health. Writers take a mutex; the
// data path takes none.
//
//   equipoise::pool<server> pool;
//   auto a = pool.add({"a", …});
//   pool.set(a, equipoise::health_flag::down);   // from any thread, counts at once
//   pool.assign(what_discovery_says);            // works out the difference by key
//   pool.refresh();                              // from the application's timer
#pragma once

#include <equipoise/core/pool/control_lock.hpp>
#include <equipoise/core/pool/membership.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The members of a fleet of backends of type B.
///
/// Each change publishes an immutable snapshot to every balancer; a change that throws has changed nothing. A pool must
/// outlive its balancers and all leases. It is neither copied nor moved.
template <class B>
class pool {
  static_assert(backend<B>,
                "equipoise: a backend is a movable type with a key: give it `std::string_view key_of(B const&)`, "
                "a member key(), or a specialised equipoise::backend_traits");
  static_assert(detail::attributes_are_read<B>());
  using record = detail::record<B>;
  using reclaimed = detail::reclaimed<B>;

 public:
  /// What the function given to change() receives. It has the functions of the pool that change the membership, also in
  /// their try_ forms, and find and size, which know the changes made so far.
  using transaction = detail::transaction<B>;

  /// Fails if an option is out of range, or if there is no memory.
  explicit pool(pool_options const& options = {})
      : options_{detail::checked(options)}, states_{options.capacity, options.counter_stripes},
        slots_{states_, detail::slot_allocator::next_number()}, reports_{options.observations ? states_.slots() : 0},
        index_{states_.slots()}, members_{states_, slots_, index_, options.joins_with} {
    states_.template hold<B>();
    if (options.observations) states_.keep_reports(reports_.data());
  }
  pool(pool const&) = delete;
  pool& operator=(pool const&) = delete;

  // Membership.

  /// Adds a backend and returns its id. Copies the key, unless its text lies inside the object. Fails if the key is
  /// empty or already a member's, if a weight or a priority is out of range, or if the capacity is reached. Blocking;
  /// see change() for the cost.
  backend_id add(B backend) {
    return change_as("pool::add", [&](transaction& t) { return t.add(std::move(backend)); });
  }
  /// The same with attributes that replace those of the object.
  backend_id add(B backend, attributes const& a) {
    return change_as("pool::add", [&](transaction& t) { return t.add(std::move(backend), a); });
  }

  /// Removes a member: it gets no work from now on, and leases that are held keep its object alive. Returns false if
  /// the id is not a member's. Blocking; see change() for the cost.
  bool remove(backend_id id) {
    return change_as("pool::remove", [&](transaction& t) { return t.remove(id); });
  }

  /// Changes the attributes that are named, as in update(id, {.weight = 8}); the others, the object, its health and its
  /// counts stay. The next assign() replaces them by what its list says. Returns false if the id is not a member's.
  /// Fails if a number is out of range, or if a policy's build refuses it. Blocking; see change() for the cost.
  bool update(backend_id id, attribute_changes const& changes) {
    return change_as("pool::update", [&](transaction& t) { return t.update(id, changes); });
  }

  /// Changes the attributes that are named for an operator: they hold whatever update() and assign() say, until
  /// clear_overrides() or until the backend is removed. As update() otherwise. O(log overrides) more.
  bool override_attributes(backend_id id, attribute_changes const& changes) {
    return change_as("pool::override_attributes", [&](transaction& t) { return t.override_attributes(id, changes); });
  }
  /// The attributes become what the list or update() said last. Returns false if the id is not a member's. Blocking.
  bool clear_overrides(backend_id id) {
    return change_as("pool::clear_overrides", [&](transaction& t) { return t.clear_overrides(id); });
  }

  /// Makes the members be exactly these, and tells what it did; the result compares with bool: whether anything
  /// changed. The key is the identity. A member with a listed key keeps its id, health and counts, and takes the
  /// attributes of the list. If the listed object differs (by ==; always, if its type has none), later picks get the
  /// new one, and leases that are held keep theirs. Members that are not listed are removed. The order of the list
  /// becomes the order of the members, for policies to which that matters. An element is a backend, or an entry with
  /// its attributes. Fails, and changes nothing, if a key is empty or listed twice or a number is out of range, unless
  /// the options say otherwise, and if the capacity is reached. Blocking; O(members), cheapest if the list has the
  /// order of the members; and every balancer's build.
  template <class Range>
  assign_result assign(Range&& backends, assign_options options = {}) {
    if (options.on_bad_entry == bad_entry::keep_last_good)
      return assign_as("pool::assign", std::forward<Range>(backends), options).value();
    return change_as("pool::assign", [&](transaction& t) { return t.assign(std::forward<Range>(backends), options); });
  }
  /// The same for a list that is written down: assign({{"a", 1}, {"b", 2}}).
  assign_result assign(std::initializer_list<B> backends, assign_options options = {})
    requires std::copy_constructible<B>
  {
    return assign(array_view<B const>{backends.begin(), backends.size()}, options);
  }

  /// Makes many changes and publishes once: change([&](auto& t) { t.add(…); t.remove(…); }). Returns what `f` returns.
  /// If `f` or a policy's build throws, nothing has changed, and the ids that add() returned are void. `f` runs under
  /// the mutex, and so do the destructors of what an undone change leaves behind. Blocking.
  ///
  /// Cost: every balancer's build, and O(changes + log members) if a few members change while pickers go on picking; a
  /// removal shifts those behind it, 24 bytes each. Many changes, or pickers that still look at the lists before, cost
  /// a copy: O(members).
  template <class Change>
  auto change(Change&& f) {
    return change_as("pool::change", std::forward<Change>(f));
  }

  // The same without exceptions: a mistake is returned, and so is the refusal of a policy's build. Blocking, and with
  // the cost of the functions above.

  /// The id of the new member, or why there is none.
  result<backend_id> try_add(B backend) {
    return attempt("pool::try_add", [&](transaction& t) { return t.try_add(std::move(backend)); });
  }
  result<backend_id> try_add(B backend, attributes const& a) {
    return attempt("pool::try_add", [&](transaction& t) { return t.try_add(std::move(backend), a); });
  }
  /// Each also fails if the id is not a member's.
  result<> try_remove(backend_id id) {
    return attempt("pool::try_remove", [&](transaction& t) { return t.try_remove(id); });
  }
  result<> try_update(backend_id id, attribute_changes const& changes) {
    return attempt("pool::try_update", [&](transaction& t) { return t.try_update(id, changes); });
  }
  result<> try_override_attributes(backend_id id, attribute_changes const& changes) {
    return attempt("pool::try_override_attributes",
                   [&](transaction& t) { return t.try_override_attributes(id, changes); });
  }
  result<> try_clear_overrides(backend_id id) {
    return attempt("pool::try_clear_overrides", [&](transaction& t) { return t.try_clear_overrides(id); });
  }
  /// What was done, or why nothing was.
  template <class Range>
  result<assign_result> try_assign(Range&& backends, assign_options options = {}) {
    return assign_as("pool::try_assign", std::forward<Range>(backends), options);
  }
  result<assign_result> try_assign(std::initializer_list<B> backends, assign_options options = {})
    requires std::copy_constructible<B>
  {
    return try_assign(array_view<B const>{backends.begin(), backends.size()}, options);
  }
  /// Makes many changes if `f` returns a result without a mistake, for instance that of its last try_ function; else
  /// nothing has changed. Returns what `f` returns, or the mistake of the publish.
  template <class Change>
  auto try_change(Change&& f) {
    using done = std::invoke_result_t<Change&, transaction&>;
    constexpr bool is_result = std::is_base_of_v<detail::result_base, done>;
    static_assert(is_result,
                  "equipoise: the function given to try_change() returns a result, for instance that of its last try_ "
                  "function: return t.try_add(...), or equipoise::result<>{}");
    if constexpr (is_result) return attempt("pool::try_change", std::forward<Change>(f));
  }

  /// Publishes if health changed since the last publish, so that the cost of skipping unhealthy members goes away; then
  /// frees what no picker looks at any more. Call it from a timer. Blocking; as change() for the members
  /// whose health changed, and the builds of the balancers whose tables leave unhealthy members out.
  void refresh() { require(try_refresh().error()); }
  /// The same; returns why a policy's build refuses. Nothing has changed then.
  result<> try_refresh() {
    return with_lock("pool::refresh", [&](reclaimed& after) -> result<> {
      if ((states_.changes() == refreshed_ && detail::change_protocol<>::is_settled(refreshed_)) ||
          !members_.depend_on_health()) {
        members_.sweep(after);
        return {};
      }
      transaction t{members_.current(), index_, slots_};
      return result_of(publish(t, after));
    });
  }

  // Health.

  /// Sets health flags against a backend. They count at once: a pick that starts after this call returned does not get
  /// the backend, unless its mask says so. Returns false and changes nothing if the id is not a member's (counted in
  /// stale_reports()), or if the flags include `removed` or `zero_weight`, which are the pool's own. Lock-free, from
  /// any thread; the observer runs before it returns.
  bool set(backend_id id, health_flag flags) noexcept { return change_health(id, flags, true); }

  /// Clears health flags, as set() sets them.
  bool clear(backend_id id, health_flag flags) noexcept { return change_health(id, flags, false); }
  /// The same, and if one of these flags was set, the backend begins to take work `now`, as begin_slow_start() says it.
  bool clear(backend_id id, health_flag flags, time_point now) noexcept {
    if ((health(id) & flags) != health_flag::none) begin_slow_start(id, now);
    return clear(id, flags);
  }

  /// Says that the backend begins to take work `now`: slow_start gives it a growing share from then on. Policies
  /// without slow_start do not look at it. Returns false and changes nothing if the id is not a member's. Lock-free,
  /// from any thread.
  bool begin_slow_start(backend_id id, time_point now) noexcept {
    return states_.is_member(id) &&
           states_.starts().note(id, now, [this](backend_id i) { return states_.is_member(i); });
  }

  /// The flags set against a backend; `removed` if the id is not a member's. Wait-free, from any thread.
  health_flag health(backend_id id) const noexcept { return states_.health(id); }

  /// How many times set() and clear() came too late for their id. Wait-free.
  std::uint64_t stale_reports() const noexcept { return stale_.load(std::memory_order_relaxed); }

  /// The work in flight on a backend. Zero once after `removed` was set means that no lease is held ever again; after
  /// `draining`, that no lease for new work is (a bound session may still get one). Wait-free, from any thread;
  /// O(counter stripes).
  std::uint32_t in_flight(backend_id id) const noexcept { return states_.in_flight(id); }

  /// What leases reported about a backend; null if the pool keeps no observations or the id is not a member's. The
  /// pointer stays valid as long as the pool. Wait-free.
  observation const* observed(backend_id id) const noexcept {
    return options_.observations && states_.is_member(id) ? &reports_[id.slot] : nullptr;
  }

  // Look-ups.

  // The first three wait at most for the moment in which a change takes effect, not while tables are built. They may be
  // called within a change, and then tell what is published.

  /// The id of the member with that key; a false id if there is none. Blocking (a short mutex); O(1).
  backend_id find(std::string_view key) const { return index_.published_id(key); }

  /// The number of members. Wait-free.
  std::size_t size() const noexcept { return index_.published_count.load(std::memory_order_relaxed); }

  /// The slot of every id is below this number, at any time: the size of an array with a place for each backend.
  /// Wait-free.
  std::uint32_t slots() const noexcept { return states_.slots(); }

  /// The name of a zone number (member::zone); empty for no zone and for an unknown number. Blocking (a short mutex);
  /// O(1).
  std::string zone_name(std::uint16_t zone) const { return index_.zone_name(zone); }

  /// Calls f(id, B const&, attributes const&, health_flag) for each member: in the order of the list that was assigned
  /// last, then in the order of joining. f runs under the mutex: a blocking function of the pool fails in it.
  /// Blocking; O(members).
  template <class Visitor>
  void for_each(Visitor&& f) const {
    detail::control_guard const lock{control_, "pool::for_each"};
    for (member const& m : members_.current().all())
      f(m.id, static_cast<record const*>(m.record)->value, index_.attributes_of({m.weight, m.priority, m.zone}),
        states_.health(m.id));
  }

  /// Calls f(B const&, attributes const&, health_flag) for the member with that id, as for_each() does: for an id that
  /// came from select_n(), an event or a lease. Returns false if the id is not a member's. Blocking; O(1).
  template <class Visitor>
  bool visit(backend_id id, Visitor&& f) const {
    detail::control_guard const lock{control_, "pool::visit"};
    record const* const r = index_.find(id);
    if (r != nullptr) f(r->value, index_.attributes_of({r->weight, r->priority, r->zone}), states_.health(id));
    return r != nullptr;
  }

  /// The attributes of a member that are overridden, and no others. Blocking; O(log overrides).
  attribute_changes overrides(backend_id id) const {
    detail::control_guard const lock{control_, "pool::overrides"};
    record const* const r = index_.find(id);
    attribute_changes c;
    if (r == nullptr || !r->is_overridden) return c;
    auto const& o = index_.override_of(*r);
    if (o.has_weight) c.weight = o.own.weight;
    if (o.has_priority) c.priority = o.own.priority;
    if (o.has_zone) c.zone = index_.zones[o.own.zone];
    return c;
  }

  /// How much waits to be reclaimed by a later refresh() or change.
  struct memory {
    std::size_t snapshots = 0;  ///< held by a picker that has not picked since
    std::size_t lists = 0;      ///< lists of members that such snapshots use
    std::size_t records = 0;    ///< removed backends with a lease, or in such a list
    std::size_t slots = 0;      ///< slots of removed backends with a lease
  };
  /// Blocking; O(waiting).
  memory waiting() const {
    detail::control_guard const lock{control_, "pool::waiting"};
    return {members_.snapshots_waiting(), members_.lists_waiting(), members_.records_waiting(), slots_.waiting()};
  }

 private:
  template <class, class>
  friend class balancer;

  template <class Change>
  auto change_as(char const* function, Change&& f) {
    reclaimed after;  // declared first, so destroyed last: the user's destructors run with no lock held
    detail::control_guard const lock{control_, function};
    transaction t{members_.current(), index_, slots_};
    if constexpr (std::is_void_v<std::invoke_result_t<Change&, transaction&>>) {
      f(t);
      if (t.changed()) require(publish(t, after));
    } else {
      auto result = f(t);
      if (t.changed()) require(publish(t, after));
      return result;
    }
  }

  // Calls f(reclaimed&) with the lock held, for functions that return a result: a call that would wait for itself, and
  // a mistake that f throws, are failures of it.
  template <class F>
  auto with_lock(char const* function, F&& f) -> std::invoke_result_t<F&, reclaimed&> {
    if (auto mistake = control_.mistake(function); !mistake.empty())
      return std::invoke_result_t<F&, reclaimed&>::failure(std::move(mistake));
    reclaimed after;
    detail::control_guard const lock{control_, function};
    return detail::caught([&] { return f(after); });
  }
  static result<> result_of(std::string refusal) {
    return refusal.empty() ? result<>{} : result<>::failure(std::move(refusal));
  }

  // change_as() for a function that returns a result.
  template <class Change>
  auto attempt(char const* function, Change&& f) -> std::invoke_result_t<Change&, transaction&> {
    return with_lock(function, [&](reclaimed& after) -> std::invoke_result_t<Change&, transaction&> {
      transaction t{members_.current(), index_, slots_};
      auto result = f(t);
      if (result && t.changed())
        if (auto refusal = publish(t, after); !refusal.empty()) return decltype(result)::failure(std::move(refusal));
      return result;
    });
  }
  template <class Range>
  result<assign_result> assign_as(char const* function, Range&& backends, assign_options const& options) {
    std::size_t members = not_begun;
    auto done = attempt(function, [&](transaction& t) {
      members = t.size();
      return t.try_assign(std::forward<Range>(backends), options);
    });
    if (done || options.on_bad_entry != bad_entry::keep_last_good || members == not_begun) return done;
    assign_result kept;
    kept.kept = members;
    kept.refused = true;
    kept.mistake = done.error();
    return kept;
  }
  static constexpr auto not_begun = ~std::size_t{0};

  bool change_health(backend_id id, health_flag flags, bool on) noexcept {
    if (without(flags, detail::settable_flags) != health_flag::none) return false;
    health_flag before{};
    states_.begin_change();
    bool const is_member = on ? states_.set(id, flags, &before) : states_.clear(id, flags, &before);
    health_flag const after = on ? before | flags : without(before, flags);
    bool const changed = is_member && after != before;
    if (changed && !on) states_.releases().note(id.slot);
    states_.end_change(id, changed);
    if (!is_member) stale_.fetch_add(1, std::memory_order_relaxed);
    if (!changed) return is_member;
    if (after == health_flag::none) control_.request();
    if (options_.observer != nullptr) options_.observer(options_.context, {id, before, after});
    return true;
  }

  std::string publish(transaction& t, reclaimed& after) {
    auto const seen = states_.changes();
    auto refusal = members_.publish(t, after);
    if (refusal.empty()) refreshed_ = seen;
    return refusal;
  }
  static void require(std::string const& refusal) {
    if (!refusal.empty()) fail(refusal);
  }

  void join(detail::publisher& p) {
    detail::control_guard const lock{control_, "balancer::balancer"};
    require(members_.join(p));
  }
  // `exchange` puts another policy in place of the balancer's, and puts it back when it is called again.
  template <class Exchange>
  result<> rebuild(detail::publisher& p, Exchange exchange) {
    return with_lock("balancer::replace", [&](reclaimed& after) {
      exchange();
      struct put_back {
        Exchange* exchange;
        ~put_back() {
          if (exchange != nullptr) (*exchange)();
        }
      } if_it_fails{&exchange};
      auto done = result_of(members_.rebuild(p, after));
      if (done) if_it_fails.exchange = nullptr;
      return done;
    });
  }
  void leave(detail::publisher& p) noexcept {
    reclaimed after;
    detail::control_guard const lock{control_};
    members_.leave(p, after);
  }

  pool_options options_;
  detail::state_table states_;
  detail::slot_allocator slots_;
  detail::zeroed_array<observation> reports_;
  detail::member_index<B> index_;
  detail::membership<B> members_;
  std::atomic<std::uint64_t> stale_{0};
  std::uint64_t refreshed_ = 0;  // states_.changes() at the last publish
  mutable detail::control_lock control_{[](void* p) noexcept { static_cast<pool*>(p)->members_.announce_recovery(); },
                                        this};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
