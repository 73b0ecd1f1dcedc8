// SPDX-License-Identifier: MIT
// One worker's handle on a balancer. A pick is one relaxed pointer compare, a look at the policy's table, and a test of
// the backend's state word. It never locks, allocates, reads a clock or throws.
//
//   auto picker = lb.make_picker();                           // one per worker
//   if (auto server = picker.select()) connect(server->address);
//   if (auto lease = picker.acquire()) send(lease->address);  // counted until the lease ends
#pragma once

#include <equipoise/core/pick/admission.hpp>
#include <equipoise/core/pick/call_mistake.hpp>
#include <equipoise/core/pick/explainer.hpp>
#include <equipoise/core/policy/check_policy.hpp>
#include <equipoise/core/snapshot/reader.hpp>

#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What picker::acquire_explained() returns.
template <class B>
struct explained_lease {
  equipoise::lease<B> lease;
  explanation why;
};

/// One worker's handle on a balancer, made by balancer::make_picker(). Used by one thread at a time. It must not
/// outlive its balancer.
///
/// Policies with a key take it as the first argument: select(key), acquire(key). Without a call that names another
/// cost, each function is lock-free, wait-free between publishes, and tests at most `tries` + members state words.
template <class B, class P>
class picker {
  using driver = policy_driver<P>;
  using cursor = typename driver::cursor;
  using pick_state = typename driver::pick_state;

 public:
  using key_type = key_of_policy<P>;  ///< what the policy is asked with; no_key if it needs none

  /// balancer::make_picker() calls it.
  picker(detail::publisher& owner, detail::state_table& states, detail::shared<detail::held_policy<P>> policy,
         std::uint32_t stripe, random_source random)
      : reader_{owner}, admission_{states, stripe}, policy_{std::move(policy)}, random_{random},
        cursor_{driver::make_cursor(policy_->policy)} {}

  /// The decision alone: writes nothing that other workers read.
  EQUIPOISE_INLINE choice<B> select(pick_options const& options = detail::plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return answer<choice<B>>(no_key_given(), options);
  }
  /// The same for a key.
  EQUIPOISE_INLINE choice<B> select(key_type const& key, pick_options const& options = detail::plain_pick) noexcept
    requires keyed<P>
  {
    return answer<choice<B>>(key, options);
  }

  /// The decision, counted as work in flight until the lease ends: one read-modify-write more for each backend tried.
  EQUIPOISE_INLINE lease<B> acquire(pick_options const& options = detail::plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return answer<lease<B>>(no_key_given(), options);
  }
  /// The same for a key.
  EQUIPOISE_INLINE lease<B> acquire(key_type const& key, pick_options const& options = detail::plain_pick) noexcept
    requires keyed<P>
  {
    return answer<lease<B>>(key, options);
  }

  // Mistakes in the arguments get a sentence.
  template <class... Arguments>
    requires detail::mistaken_call<P, Arguments...>
  choice<B> select(Arguments const&...) noexcept {
    detail::name_mistake<P, Arguments...>();
    return {};
  }
  template <class... Arguments>
    requires detail::mistaken_call<P, Arguments...>
  lease<B> acquire(Arguments const&...) noexcept {
    detail::name_mistake<P, Arguments...>();
    return {};
  }
  template <class... Arguments>
    requires detail::mistaken_call<P, Arguments...>
  explained_lease<B> acquire_explained(Arguments const&...) {
    detail::name_mistake<P, Arguments...>();
    return {};
  }
  template <class... Arguments>
    requires detail::mistaken_call<P, Arguments...>
  explanation explain(Arguments const&...) {
    detail::name_mistake<P, Arguments...>();
    return {};
  }

  template <class First, class... Others>
    requires detail::mistaken_select_n<P, First>
  std::size_t select_n(First&&, Others const&...) noexcept {
    static_assert(!detail::constant_ids<First>,
                  "equipoise: select_n() writes the ids into an array or a vector that lives and may be changed");
    if constexpr (detail::ids_argument<First>)
      detail::name_mistake<P>();
    else
      detail::name_mistake<P, std::remove_cvref_t<First>>();
    return 0;
  }

  /// The first distinct healthy backends in the pick's order, as for replicas. The policy's own proposals come first,
  /// the best first; any other healthy backend follows. Returns how many there are, at most into.size(). Moves the
  /// cursor as a pick does. O(proposals × into.size()).
  std::size_t select_n(array_view<backend_id> into, pick_options const& options = detail::plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return several(no_key_given(), into, options);
  }
  /// The same for a key: the key's owner first.
  std::size_t select_n(key_type const& key, array_view<backend_id> into,
                       pick_options const& options = detail::plain_pick) noexcept
    requires keyed<P>
  {
    return several(key, into, options);
  }

  /// What a select() would answer now, and why. Leaves the cursor as it was. Allocates; O(members).
  explanation explain(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return explained(no_key_given(), options);
  }
  /// The same for a key.
  explanation explain(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    return explained(key, options);
  }

  /// An acquire(), together with the explanation of that very pick. Moves the cursor as a pick does. Allocates;
  /// O(members).
  explained_lease<B> acquire_explained(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return acquired_explained(no_key_given(), options);
  }
  /// The same for a key.
  explained_lease<B> acquire_explained(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    return acquired_explained(key, options);
  }

  /// Lets go of the snapshot, so that it can be freed: for a worker that will be idle for long. The next pick takes the
  /// current one. Wait-free.
  void release() noexcept { reader_.release(); }

 private:
  EQUIPOISE_INLINE P const& policy() const noexcept { return policy_->policy; }
  EQUIPOISE_INLINE typename driver::table const& table() const noexcept { return table_of(reader_.held()); }
  EQUIPOISE_INLINE static typename driver::table const& table_of(detail::snapshot_base const* s) noexcept {
    return static_cast<detail::snapshot<P> const*>(s)->table;
  }

  EQUIPOISE_INLINE void keep_current() noexcept {
    if (!reader_.is_current()) [[unlikely]]
      take_current();
  }

  // Takes the current snapshot, or goes back to it after the reader was suspended.
  EQUIPOISE_OUT_OF_LINE void take_current() noexcept {
    if (reader_.is_protected_current()) return reader_.resume();
    auto const* const before = reader_.table_holder();
    if (before != nullptr) driver::remember(policy(), table_of(before), cursor_);
    reader_.refresh();
    all_down_since_ = not_all_down;
    if (reader_.held() == before) return;  // there is news of it
    auto const& now = static_cast<detail::snapshot<P> const*>(reader_.held())->policy;
    if (!(now == policy_)) {
      policy_ = now;
      policy_->exchange_cursor(cursor_);
    }
    driver::start(policy(), table(), cursor_, random_);
  }

  // A pick whose snapshot is not current, or that has more to look at than the table. Once all members were found to be
  // down, a pick that nothing distinguishes is answered without looking at them, until health or membership changes.
  template <class Answer>
  EQUIPOISE_OUT_OF_LINE Answer answer_anew(key_type key, pick_options const& options) noexcept {
    if (reader_.is_protected_current() && known_down(options)) return Answer{pick_error::all_down};
    take_current();
    pick_state s{};
    proposal const p = driver::next(policy(), table(), cursor_, s, this_pick(options), key);
    return continue_pick<Answer>(p, s, key, options, false);
  }
  bool known_down(pick_options const& options) const noexcept {
    return all_down_since_ == admission_.states().changes() && is_plain(options);
  }
  // `changes` is what they were before the members were looked at.
  void remember_if_all_down(std::uint64_t changes) noexcept {
    if (!detail::change_protocol<>::is_settled(changes)) return;
    for (member const& m : reader_.held()->list->all())
      if (admission_.states().check(m.id)) return;
    all_down_since_ = changes;
    if constexpr (!optionally_keyed<P>) reader_.suspend();  // else a pick without its key is still to be refused
  }
  static bool is_plain(pick_options const& o) noexcept {
    return o.excluded.empty() && o.mask == admission::new_work && !o.session;
  }

  // One constant for all picks: any_policy's keys are large, and making one costs as much as the pick.
  EQUIPOISE_INLINE static key_type const& no_key_given() noexcept {
    static constexpr key_type none{};
    return none;
  }

  EQUIPOISE_INLINE pick this_pick(pick_options const& options, detail::recorder* recorder = nullptr) const noexcept {
    return {table().members, admission_.states(), options, recorder, reader_.has_news()};
  }

  template <class Answer>
  EQUIPOISE_INLINE Answer answer(key_type const& key, pick_options const& options) noexcept {
    if (!reader_.is_current()) [[unlikely]]
      return answer_anew<Answer>(key, options);
    pick_state s{};
    pick const k{table().members, admission_.states(), options};
    proposal const p = driver::first(policy(), table(), cursor_, s, k, key);
    if (p.candidate != nullptr && options.excluded.empty()) [[likely]] {
      if (admission_.template take<Answer>(p, options) == pick_error::none) [[likely]]
        return admission_.template made<Answer>(p, options);
    }
    return continue_pick<Answer>(p, s, key, options);
  }

  // Everything after the first proposal. The state is passed by value: a reference would keep it in memory on the fast
  // path.
  template <class Answer>
  EQUIPOISE_OUT_OF_LINE Answer continue_pick(proposal p, pick_state s, key_type key, pick_options const& options,
                                             bool is_first = true) noexcept {
    struct visitor {
      detail::admission_control<B>& admission;
      pick_options const& options;
      // A choice is not tested again here, with a relaxed load: look_again() relies on what judge() acquired.
      EQUIPOISE_INLINE bool accepts(proposal const& candidate, pick_error& e) noexcept {
        if constexpr (std::same_as<Answer, lease<B>>)
          if (e == pick_error::none) e = admission.template take<Answer>(candidate, options);
        return e == pick_error::none;
      }
      EQUIPOISE_INLINE void restart() noexcept {}
    } v{admission_, options};
    bool const is_usual = p.error() == pick_error::none && p.mask == admission::new_work;
    if (is_usual && known_down(options)) return Answer{pick_error::all_down};
    if (is_first && p.candidate == nullptr)
      p = driver::after_none(policy(), p, table(), cursor_, s, this_pick(options), key);
    pick_error const e = walk(v, p, s, cursor_, key, options, nullptr);
    if (e == pick_error::none) return admission_.template made<Answer>(p, options);
    return Answer{e};
  }

  std::size_t several(key_type const& key, array_view<backend_id> into, pick_options const& options) noexcept {
    keep_current();
    struct visitor {
      array_view<backend_id> into;
      std::size_t found = 0;
      bool accepts(proposal const& candidate, pick_error& e) noexcept {
        bool known = e != pick_error::none;
        for (std::size_t i = 0; i != found; ++i) known = known || into[i] == candidate.candidate->id;
        if (!known) into[found++] = candidate.candidate->id;
        return found == into.size();
      }
      void restart() noexcept { found = 0; }
    } v{into};
    if (into.empty()) return 0;
    pick_state s{};
    proposal p = driver::next(policy(), table(), cursor_, s, this_pick(options), key);
    walk(v, p, s, cursor_, key, options, nullptr);
    return v.found;
  }

  explanation explained(key_type const& key, pick_options const& options) {
    bool const was_suspended = reader_.is_protected_current() && reader_.is_suspended();
    keep_current();
    cursor copy = cursor_;
    explaining v{{admission_.states(), policy()}, *this, options, &copy, {}};
    explanation result = explained(v, copy, key);
    if (was_suspended && all_down_since_ != not_all_down) reader_.suspend();  // the next pick is as it would have been
    return result;
  }
  explained_lease<B> acquired_explained(key_type const& key, pick_options const& options) {
    keep_current();
    explaining v{{admission_.states(), policy()}, *this, options, nullptr, {}};
    explanation why = explained(v, cursor_, key);
    if (!v.taken) v.taken = lease<B>{why.error};
    return {std::move(v.taken), std::move(why)};
  }
  // Explains a pick to come, on a copy of the cursor, or the one that is being made.
  struct explaining {
    detail::explainer<P> explainer;
    picker& own;
    pick_options const& options;
    cursor* copy;
    lease<B> taken;

    bool accepts(proposal const& candidate, pick_error& e) {
      if (e == pick_error::none && copy == nullptr) {
        e = own.admission_.template take<lease<B>>(candidate, options);
        if (e == pick_error::none) taken = own.admission_.template made<lease<B>>(candidate, options);
      }
      explainer.judged(candidate, e, options.mask);
      return e == pick_error::none;
    }
    void restart() {
      explainer.restart(own.policy());
      if (copy != nullptr) *copy = own.cursor_;
    }
  };
  explanation explained(explaining& v, cursor& c, key_type const& key) {
    pick_state s{};
    proposal p = driver::next(policy(), table(), c, s, this_pick(v.options, &v.explainer), key);
    v.explainer.result.error = walk(v, p, s, c, key, v.options, &v.explainer);
    v.explainer.result.key = describe_key(policy(), key);
    return v.explainer.finished(reader_.held()->list->all(), table().members, v.options);
  }

  // Goes through the proposals of one pick, the given one first, until the visitor accepts one; `p` is that proposal
  // then. Returns why the visitor accepted none. A visitor may change the error of a proposal.
  //
  // A pick that finds nothing is repeated if something changed while it ran: all old members may just have been
  // replaced by new ones, or one member may have come up behind the pick before another went down in front of it.
  template <class Visitor>
  EQUIPOISE_INLINE pick_error walk(Visitor& visitor, proposal& p, pick_state& s, cursor& c, key_type const& key,
                                   pick_options const& options, detail::recorder* recorder) {
    std::uint64_t changes = admission_.states().changes();
    bool widened = false;  // whether the policy let flags pass that would keep other members out
    for (int repeats = 3;; p = driver::next(policy(), table(), c, s = {}, this_pick(options, recorder), key)) {
      pick const k = this_pick(options, recorder);
      unsigned met = 0;  // bit e: error e was met
      for (; p.candidate != nullptr; p = driver::next(policy(), table(), c, s, k, key)) {
        pick_error e = admission_.judge(p, options);
        if (visitor.accepts(p, e)) return pick_error::none;
        met |= 1u << static_cast<unsigned>(e);
        widened |= p.mask != admission::new_work;
        // The member may have a new membership. Its keys stay with it then, so look there before going on.
        if (e == pick_error::all_down && !reader_.is_protected_current()) break;
      }
      if (!look_again(changes, repeats)) {
        pick_error const error = error_of(met, p);
        bool const is_general = error == pick_error::all_down && p.error() == pick_error::none && !widened;
        if (is_general && is_plain(options) && recorder == nullptr) remember_if_all_down(changes);
        return error;
      }
      visitor.restart();
    }
  }

  // Limits how often a pick that found nothing is repeated because health changed while it ran. The acquire loads in
  // judge() saw what was written after the exchange of snapshots, and before a change was counted. So these loads see
  // the new snapshot, and the new count.
  bool look_again(std::uint64_t& changes, int& repeats) noexcept {
    if (!reader_.is_protected_current()) {
      take_current();
      return true;
    }
    auto const now = admission_.states().changes();
    return repeats-- != 0 && std::exchange(changes, now) != now;
  }

  // The mildest error that was met. Without any: the policy's own, or that of an empty pool, or all_down (all members
  // have weight 0, for instance).
  pick_error error_of(unsigned met, proposal const& last) const noexcept {
    if (met != 0) return static_cast<pick_error>(std::countr_zero(met));
    if (last.error() == pick_error::refused) return pick_error::refused;
    if (reader_.held()->list->all().empty()) return pick_error::empty;
    return last.error() != pick_error::none ? last.error() : pick_error::all_down;
  }

  static constexpr auto not_all_down = ~std::uint64_t{0};

  detail::reader reader_;
  detail::admission_control<B> admission_;
  detail::shared<detail::held_policy<P>> policy_;
  random_source random_;
  std::uint64_t all_down_since_ = not_all_down;  // what changes() was when all members were found to be down
  cursor cursor_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
