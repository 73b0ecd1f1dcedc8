// One worker's handle on a balancer. A pick is one relaxed pointer compare, a look at the table, and a test of the
// backend's word: it never locks, allocates, reads a clock or throws.
//
//   auto picker = lb.make_picker();                          // one per worker
//   if (auto server = picker.select()) connect(server->address);
//   if (auto lease = picker.acquire()) send(lease->address);  // counted until the lease ends
//
// A picker is used by one thread at a time. It must not outlive its balancer.
#pragma once

#include <equipoise/core/policy/check_policy.hpp>
#include <equipoise/core/pick/explainer.hpp>
#include <equipoise/core/pick/admission.hpp>
#include <equipoise/core/snapshot/reader.hpp>

#include <algorithm>
#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
template <class P>
struct snapshot final : snapshot_base {
  typename policy_driver<P>::table table;
};
}  // namespace detail

template <class B, class P>
class picker {
  using policy_driver = equipoise::policy_driver<P>;
  using pick_state = typename policy_driver::pick_state;

 public:
  using key_type = key_of_policy<P>;

  // Made by balancer::make_picker().
  picker(detail::publisher& owner, detail::state_table& r, P const& policy, std::uint32_t row, random_source random)
      : reader_{owner}, admission_{r, row}, policy_{&policy}, random_{random}, cursor_{policy_driver::make_cursor(policy)} {}

  // The decision alone: no shared write. Lock-free, wait-free between publishes; at most `tries` + members word tests.
  EQUIPOISE_INLINE choice<B> select(pick_options const& options = detail::plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return answer<choice<B>>(no_key_given(), options);
  }
  EQUIPOISE_INLINE choice<B> select(key_type const& key, pick_options const& options = detail::plain_pick) noexcept
    requires keyed<P>
  {
    return answer<choice<B>>(key, options);
  }

  // The decision, counted: one locked read-modify-write more for each backend tried. Progress as select's.
  EQUIPOISE_INLINE lease<B> acquire(pick_options const& options = detail::plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return answer<lease<B>>(no_key_given(), options);
  }
  EQUIPOISE_INLINE lease<B> acquire(key_type const& key, pick_options const& options = detail::plain_pick) noexcept
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

  // The first distinct backends of the pick's order (replicas): best first as far as the policy proposes them itself (`tries`),
  // then whoever else is well. Gives how many there were, at most into.size().
  // Moves the cursor, as picks do. Lock-free, wait-free between publishes; O(proposals × into.size()).
  std::size_t select_n(std::span<backend_id> into, pick_options const& options = detail::plain_pick) noexcept
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return several(no_key_given(), into, options);
  }
  std::size_t select_n(key_type const& key, std::span<backend_id> into, pick_options const& options = detail::plain_pick) noexcept
    requires keyed<P>
  {
    return several(key, into, options);
  }

  // What a select would answer now, and why; leaves the cursor as it was. Allocates; O(members).
  explanation explain(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    return explained(no_key_given(), options);
  }
  explanation explain(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    return explained(key, options);
  }

  // Lets go of the snapshot: for a worker that will be idle for long. The next pick takes the current one. Wait-free.
  void release() noexcept { reader_.release(); }

 private:
  EQUIPOISE_INLINE typename policy_driver::table const& table() const noexcept {
    return static_cast<detail::snapshot<P> const*>(reader_.held())->table;
  }

  EQUIPOISE_INLINE void freshen() noexcept {
    if (!reader_.is_current()) [[unlikely]] refresh();
  }

  EQUIPOISE_OUT_OF_LINE void refresh() noexcept {
    reader_.refresh();
    policy_driver::start(*policy_, table(), cursor_, random_);
  }

  // One constant for all picks: any_policy's keys are large, and making one costs as much as the pick.
  EQUIPOISE_INLINE static key_type const& no_key_given() noexcept {
    static constexpr key_type none{};
    return none;
  }

  // After the last proposal come those whom the table leaves out: one of them may have recovered since it was built.
  EQUIPOISE_INLINE proposal next(pick_state& w, typename policy_driver::cursor& c, pick& k, key_type const& key) const noexcept {
    proposal const p = policy_driver::next(*policy_, table(), c, w, k, key);
    if (p.candidate != nullptr || p.error() == pick_error::refused || !k.enter_last_resort()) [[likely]] return p;
    proposal const late = policy_driver::next(*policy_, table(), c, w = {}, k, key);
    return late.candidate != nullptr ? late : p;
  }

  template <class Answer>
  EQUIPOISE_INLINE Answer answer(key_type const& key, pick_options const& options) noexcept {
    freshen();
    pick const k{table().members, admission_.words(), options};
    pick_state w{};
    proposal const p = policy_driver::first(*policy_, table(), cursor_, w, k, key);
    if (p.candidate != nullptr && options.excluded.empty()) [[likely]] {
      if (admission_.template take<Answer>(p, options) == pick_error::none) [[likely]] return admission_.template made<Answer>(p, options);
    }
    return go_on<Answer>(p, w, key, options);
  }

  // Everything after the first proposal. The state comes by value, or the fast path would have to keep it in memory.
  template <class Answer>
  EQUIPOISE_OUT_OF_LINE Answer go_on(proposal p, pick_state w, key_type key, pick_options const& options) noexcept {
    for (patience left{admission_.words()};;) {
      unsigned met = 0;  // bit c: cause c was met
      pick k{table().members, admission_.words(), options};
      if (p.candidate == nullptr) p = next(w = {}, cursor_, k, key);
      for (; p.candidate != nullptr; p = next(w, cursor_, k, key)) {
        pick_error c = admission_.judged(p, options);
        // A choice is judged once: whoever is passed over on a relaxed load would blind the second look below.
        if constexpr (std::same_as<Answer, lease<B>>)
          if (c == pick_error::none) c = admission_.template take<Answer>(p, options);
        if (c == pick_error::none) return admission_.template made<Answer>(p, options);
        met |= 1u << static_cast<unsigned>(c);
        if (c == pick_error::all_down && !reader_.is_current()) break;  // it may have a new incarnation: its keys stay with that
      }
      if (!look_again(left)) return Answer{nobody(met, p)};
      p = nullptr;
    }
  }

  // How often health had changed when a walk began, and how often yet it is walked again for that.
  struct patience {
    explicit patience(detail::state_table const& words) noexcept : changes{words.changes()} {}
    std::uint64_t changes;
    int walks = 3;
  };

  // Nothing found is looked at twice if things moved meanwhile: all old members may just have been replaced by new ones, or
  // one came up where the walk had been, before another went down where it still went. The acquire loads in judged() saw what
  // was written after the exchange, and before the count: so these loads see the new snapshot, and the new count.
  bool look_again(patience& left) noexcept {
    if (!reader_.is_current()) {
      refresh();
      return true;
    }
    auto const now = admission_.words().changes();
    return left.walks-- != 0 && std::exchange(left.changes, now) != now;
  }

  pick_error nobody(unsigned met, proposal const& last) const noexcept {
    if (met != 0) return static_cast<pick_error>(std::countr_zero(met));
    if (last.error() == pick_error::refused) return pick_error::refused;
    if (reader_.held()->list->all_members.empty()) return pick_error::empty;
    return last.error() != pick_error::none ? last.error() : pick_error::all_down;  // all of weight 0, say
  }

  std::size_t several(key_type const& key, std::span<backend_id> into, pick_options const& options) noexcept {
    freshen();
    for (patience left{admission_.words()};;) {
      pick k{table().members, admission_.words(), options};
      pick_state w{};
      std::size_t found = 0;
      while (found != into.size()) {
        proposal const p = next(w, cursor_, k, key);
        if (p.candidate == nullptr) break;
        pick_error const c = admission_.judged(p, options);
        auto const known = into.first(found);
        if (c == pick_error::none && std::find(known.begin(), known.end(), p.candidate->id) == known.end()) into[found++] = p.candidate->id;
        if (c == pick_error::all_down && !reader_.is_current()) break;  // as in go_on()
      }
      if (found == into.size() || !look_again(left)) return found;
    }
  }

  explanation explained(key_type const& key, pick_options const& options) {
    freshen();
    for (patience left{admission_.words()};;) {
      detail::explainer story{admission_.words(), describe(*policy_)};
      pick k{table().members, admission_.words(), options, &story};
      auto cursor = cursor_;
      pick_state w{};
      unsigned met = 0;
      proposal p = policy_driver::first(*policy_, table(), cursor, w, k, key);
      if (p.candidate == nullptr) p = next(w = {}, cursor, k, key);
      for (; p.candidate != nullptr; p = next(w, cursor, k, key)) {
        pick_error const c = admission_.judged(p, options);
        if (p.limit != no_limit) story.compared(*p.candidate, "limit", p.limit);
        if (c == pick_error::none) {
          story.chosen(*p.candidate);
          break;
        }
        met |= 1u << static_cast<unsigned>(c);
        auto const against = story.against(*p.candidate, p.mask & options.mask);
        story.judged(*p.candidate, c == pick_error::all_excluded ? "excluded" : against != health_flag::none ? to_string(against) : "full");
        if (c == pick_error::all_down && !reader_.is_current()) break;  // as in go_on()
      }
      if (!story.result.choice) {
        if (look_again(left)) continue;
        story.result.error = nobody(met, p);
      }
      return story.finished(reader_.held()->list->all_members, table().members, options);
    }
  }

  detail::reader reader_;
  detail::admission_control<B> admission_;
  P const* policy_;
  random_source random_;
  [[no_unique_address]] typename policy_driver::cursor cursor_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
