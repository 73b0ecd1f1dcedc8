// One worker's handle on a balancer. A pick is one relaxed pointer compare, a look at the table, and a test of the
// backend's word: it never locks, allocates, reads a clock or throws.
//
//   auto picker = lb.make_picker();                          // one per worker
//   if (auto server = picker.select()) connect(server->address);
//   if (auto lease = picker.acquire()) send(lease->address);  // counted until the lease ends
//
// A picker is used by one thread at a time. It must not outlive its balancer.
#pragma once

#include <equipoise/core/check_policy.hpp>
#include <equipoise/core/explanation.hpp>
#include <equipoise/core/lease.hpp>
#include <equipoise/core/snapshot.hpp>

#include <algorithm>
#include <bit>
#include <cassert>

namespace equipoise::inline EQUIPOISE_ABI {

namespace detail {
template <class P>
struct snapshot final : snapshot_base {
  typename course<P>::table table;
};
}  // namespace detail

template <class B, class P>
class picker {
  using course = equipoise::course<P>;
  using walk = typename course::walk;

 public:
  using key_type = key_of_policy<P>;

  // Made by balancer::make_picker().
  picker(detail::publisher& owner, registry& r, P const& policy, std::uint32_t row, random_source random)
      : current_{&owner.current()}, registry_{&r}, counts_{r.row(row)}, policy_{&policy}, owner_{&owner},
        random_{random}, cursor_{course::make_cursor(policy)} {
    mark_ = owner.get_mark();  // last: what throws before it leaves no mark behind
  }
  picker(picker&& other) noexcept
      : current_{other.current_}, held_{std::exchange(other.held_, nullptr)}, registry_{other.registry_},
        counts_{other.counts_}, policy_{other.policy_}, owner_{std::exchange(other.owner_, nullptr)}, mark_{other.mark_},
        random_{other.random_}, cursor_{std::move(other.cursor_)} {}
  picker& operator=(picker&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  ~picker() {
    if (owner_ != nullptr) owner_->give_back(mark_);
  }

  // The decision alone: no shared write. Lock-free, wait-free between publishes; at most `tries` + members word tests.
  EQUIPOISE_INLINE choice<B> select(pick_options const& options = plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return answer<choice<B>>(key_type{}, options);
  }
  EQUIPOISE_INLINE choice<B> select(key_type const& key, pick_options const& options = plain_pick) noexcept
    requires keyed<P>
  {
    return answer<choice<B>>(key, options);
  }

  // The decision, counted: one locked read-modify-write more for each backend tried. Progress as select's.
  EQUIPOISE_INLINE lease<B> acquire(pick_options const& options = plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return answer<lease<B>>(key_type{}, options);
  }
  EQUIPOISE_INLINE lease<B> acquire(key_type const& key, pick_options const& options = plain_pick) noexcept
    requires keyed<P>
  {
    return answer<lease<B>>(key, options);
  }

  // A keyed policy cannot answer without a key; said in a sentence rather than by overload resolution.
  template <class Policy = P>
  choice<B> select() noexcept
    requires(keyed<Policy> && !optionally_keyed<Policy>)
  {
    static_assert(!keyed<Policy>, "equipoise: this policy needs a key: picker.select(key)");
    return {};
  }
  template <class Policy = P>
  lease<B> acquire() noexcept
    requires(keyed<Policy> && !optionally_keyed<Policy>)
  {
    static_assert(!keyed<Policy>, "equipoise: this policy needs a key: picker.acquire(key)");
    return {};
  }

  // The first distinct backends of the pick's order (replicas), best first; gives how many there were, at most into.size().
  // Moves the cursor, as picks do. Lock-free, wait-free between publishes; O(proposals × into.size()).
  std::size_t select_n(std::span<backend_id> into, pick_options const& options = plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return several(key_type{}, into, options);
  }
  std::size_t select_n(key_type const& key, std::span<backend_id> into, pick_options const& options = plain_pick) noexcept
    requires keyed<P>
  {
    return several(key, into, options);
  }

  // What a select would answer now, and why; leaves the cursor as it was. Allocates; O(members).
  explanation explain(pick_options const& options = plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return explained(key_type{}, options);
  }
  explanation explain(key_type const& key, pick_options const& options = plain_pick)
    requires keyed<P>
  {
    return explained(key, options);
  }

  // Lets go of the snapshot: for a worker that will be idle for long. The next pick takes the current one. Wait-free.
  void rest() noexcept {
    held_ = nullptr;
    publication_protocol<>::let_go(mark_->held);
  }

 private:
  EQUIPOISE_INLINE bool is_current() const noexcept { return current_->load(publication_orders::compare) == held_; }

  EQUIPOISE_INLINE void freshen() noexcept {
    if (!is_current()) [[unlikely]] refresh();
  }

  EQUIPOISE_OUT_OF_LINE void refresh() noexcept {
    assert(owner_ != nullptr && "equipoise: a moved-from picker was used");
    held_ = static_cast<detail::snapshot<P> const*>(publication_protocol<>::refresh(*current_, mark_->held));
    course::start(*policy_, held_->table, cursor_, random_);
  }

  // After the last proposal come those whom the table leaves out: one of them may have recovered since it was built.
  EQUIPOISE_INLINE proposal next(walk& w, typename course::cursor& c, pick& k, key_type const& key) const noexcept {
    proposal const p = course::next(*policy_, held_->table, c, w, k, key);
    if (p.who != nullptr || !k.enter_last_resort()) [[likely]] return p;
    proposal const late = course::next(*policy_, held_->table, c, w = {}, k, key);
    return late.who != nullptr ? late : p;
  }

  template <class Answer>
  EQUIPOISE_INLINE Answer answer(key_type const& key, pick_options const& options) noexcept {
    freshen();
    pick const k{held_->table.members, *registry_, options};
    walk w{};
    proposal const p = course::first(*policy_, held_->table, cursor_, w, k, key);
    if (p.who != nullptr && options.tried.empty()) [[likely]] {
      if (take<Answer>(p, options) == cause::none) [[likely]] return made<Answer>(p, options);
    }
    return go_on<Answer>(p, w, key, options);
  }

  // Everything after the first proposal. The state comes by value, or the fast path would have to keep it in memory.
  template <class Answer>
  EQUIPOISE_OUT_OF_LINE Answer go_on(proposal p, walk w, key_type key, pick_options const& options) noexcept {
    for (;;) {
      unsigned met = 0;  // bit c: cause c was met
      pick k{held_->table.members, *registry_, options};
      if (p.who == nullptr) p = next(w = {}, cursor_, k, key);
      for (; p.who != nullptr; p = next(w, cursor_, k, key)) {
        cause c = judged(p, options);
        // A choice is judged once: whoever is passed over on a relaxed load would blind the second look below.
        if constexpr (std::same_as<Answer, lease<B>>)
          if (c == cause::none) c = take<Answer>(p, options);
        if (c == cause::none) return made<Answer>(p, options);
        met |= 1u << static_cast<unsigned>(c);
        if (c == cause::all_down && !is_current()) break;  // it may have a new incarnation: its keys stay with that
      }
      // Nothing found is looked at twice: all old members may just have been replaced by new ones. The acquire loads
      // in judged() saw `removed`, which the pool sets after the exchange, so this load sees the new snapshot.
      if (is_current()) return Answer{nobody(met, p)};
      refresh();
      p = nullptr;
    }
  }

  // Why this pick may not have it, `none` if it may: the word first, then what was tried, then the limit.
  cause judged(proposal const& p, pick_options const& options) const noexcept {
    std::uint32_t const word = registry_->word_of(p.who->id.slot).load(std::memory_order_acquire);
    admission const mask = p.mask & options.mask;
    if (!admits(word, p.who->id.tag, mask)) {
      std::uint32_t const against = (word ^ p.who->id.tag) & static_cast<std::uint32_t>(mask);
      bool const only_full = against == static_cast<std::uint32_t>(reason::saturated);
      return only_full ? cause::all_saturated : cause::all_down;
    }
    for (backend_id id : options.tried)
      if (id == p.who->id) return cause::all_tried;
    return p.limit != no_limit && registry_->load(p.who->id.slot) >= p.limit ? cause::all_saturated : cause::none;
  }

  template <class Answer>
  EQUIPOISE_INLINE cause take(proposal const& p, pick_options const& options) noexcept {
    backend_id const id = p.who->id;
    admission const mask = p.mask & options.mask;
    if constexpr (std::same_as<Answer, choice<B>>) {
      if (!registry_->check(id, mask)) [[unlikely]] return cause::all_down;
      return p.limit != no_limit && registry_->load(id.slot) >= p.limit ? cause::all_saturated : cause::none;
    } else {
      auto& count = counts_[id.slot];
      if (!lease_protocol<>::take(count, registry_->word_of(id.slot), id.tag, mask)) [[unlikely]] return cause::all_down;
      // The sum is read after the announcement: whoever announced last sees all the others, so a limit is never exceeded.
      if (p.limit != no_limit && registry_->in_flight(id.slot) > p.limit) [[unlikely]] {
        lease_protocol<>::give(count);
        return cause::all_saturated;
      }
      return cause::none;
    }
  }

  template <class Answer>
  EQUIPOISE_INLINE Answer made(proposal const& p, pick_options const& options) noexcept {
    auto const* record = static_cast<detail::record<B> const*>(p.who->record);
    EQUIPOISE_ASSUME(record != nullptr);  // spares the caller a test
    if constexpr (std::same_as<Answer, choice<B>>)
      return Answer{record};
    else
      return Answer{counts_[p.who->id.slot], record, options.now};
  }

  cause nobody(unsigned met, proposal const& last) const noexcept {
    if (met != 0) return static_cast<cause>(std::countr_zero(met));
    if (last.because() == cause::refused) return cause::refused;
    if (held_->list->everybody.empty()) return cause::empty;
    return cause::all_down;  // all of weight 0, or a shard whose backend is not a member
  }

  std::size_t several(key_type const& key, std::span<backend_id> into, pick_options const& options) noexcept {
    for (;;) {
      freshen();
      pick k{held_->table.members, *registry_, options};
      walk w{};
      std::size_t found = 0;
      while (found != into.size()) {
        proposal const p = next(w, cursor_, k, key);
        if (p.who == nullptr) break;
        auto const known = into.first(found);
        if (judged(p, options) == cause::none && std::find(known.begin(), known.end(), p.who->id) == known.end())
          into[found++] = p.who->id;
      }
      if (found == into.size() || is_current()) return found;  // too few are looked at twice, as in go_on()
    }
  }

  explanation explained(key_type const& key, pick_options const& options) {
    freshen();
    detail::explainer story{*registry_, describe(*policy_)};
    pick k{held_->table.members, *registry_, options, &story};
    auto cursor = cursor_;
    walk w{};
    unsigned met = 0;
    proposal p = course::first(*policy_, held_->table, cursor, w, k, key);
    if (p.who == nullptr) p = next(w = {}, cursor, k, key);
    for (; p.who != nullptr; p = next(w, cursor, k, key)) {
      cause const c = judged(p, options);
      if (c == cause::none) {
        story.chosen(*p.who);
        break;
      }
      met |= 1u << static_cast<unsigned>(c);
      auto const reasons = registry_->reasons(p.who->id);
      story.judged(*p.who, c == cause::all_tried ? "tried" : reasons != reason::none ? to_string(reasons) : "full");
    }
    if (p.who == nullptr && !is_current()) return explained(key, options);  // as in go_on()
    if (p.who == nullptr) story.result.why = nobody(met, p);
    story.others(held_->list->everybody, held_->table.members, options.tried);
    return std::move(story.result);
  }

  std::atomic<detail::snapshot_base const*> const* current_;
  detail::snapshot<P> const* held_ = nullptr;
  registry* registry_;
  registry::count* counts_;  // this worker's row
  P const* policy_;
  detail::publisher* owner_;
  detail::mark* mark_ = nullptr;
  random_source random_;
  [[no_unique_address]] typename course::cursor cursor_;
};

}  // namespace equipoise::inline EQUIPOISE_ABI
