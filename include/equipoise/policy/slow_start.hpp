// SPDX-License-Identifier: MIT
// Slow start: a backend that joins or comes back gets a small share of its work first, and a growing one until the
// window is over. Its caches are cold and its connections closed.
//
//   equipoise::balancer lb{pool, equipoise::slow_start{equipoise::round_robin{}, 60s}};
//   pool.begin_slow_start(id, now);                       // it has joined, or
//   pool.clear(id, equipoise::health_flag::down, now);    // it is healthy again
//   auto lease = picker.acquire({.now = now});            // a pick without a time takes no notice of slow start
//
// The child proposes; a proposal of a backend that has begun t ago is taken with probability
//
//   max(min_share, (t / window)^(1 / aggression))
//
// and else the child proposes again. So no table is rebuilt, the others take over what is declined as their weights
// are, and it works with every policy. With a key, the key decides instead of chance: until it moves to the newcomer, a
// key is with the policy's next proposal. With ring_hash that is its owner of before, so it moves once. With maglev,
// whose next proposal is another backend, keys that will move are there meanwhile, and move twice. A policy that
// compares loads would give a newcomer all the work until it has as much as the others; its load is therefore held to
// the same share of the others' mean. If no other backend may have the pick, the newcomers share the work relative to
// the one that has begun first, so nothing is refused.
//
// Select: as the child's, and two loads, as long as no backend has begun within the window; else each proposal costs
// one load more. The least backend is proposed 1 / min_share times on average until it is taken.
// Source: Envoy 1.40, "Slow start mode". Envoy also counts a backend's time from its first good check.
#pragma once

#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/composition.hpp>

#include <cmath>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The share of its usual work that a backend gets `age` after it has begun, 0 … 1. Both shares and the age are cut to
/// their ranges; an age below a millisecond counts as one. Source: Envoy 1.40.
inline double slow_start_share(std::chrono::milliseconds age, std::chrono::milliseconds window, double aggression,
                               double min_share) noexcept {
  if (age >= window) return 1;
  double const t = static_cast<double>(age.count() > 1 ? age.count() : 1) / static_cast<double>(window.count());
  double const share = aggression == 1 ? t : std::pow(t, 1 / aggression);
  return share > min_share || !(min_share > 0) ? share : min_share < 1 ? min_share : 1;
}

namespace detail {
struct slow_start_cursor {
  random_source draw{};
};
struct slow_start_state {
  double whole = 1;     // the share that is taken without a draw: first 1, then the greatest that was declined, then 0
  double greatest = 0;  // of the shares declined since
  bool declined = false;
};
}  // namespace detail

/// A growing share for backends that have just begun. See the top of the header.
template <class P>
struct slow_start
    : detail::composition_around<P, detail::nothing_more, detail::slow_start_cursor, detail::slow_start_state> {
  static constexpr std::string_view name = "slow_start";
  using base = detail::composition_around<P, detail::nothing_more, detail::slow_start_cursor, detail::slow_start_state>;
  using table = typename base::table;
  using cursor = typename base::cursor;
  using pick_state = typename base::pick_state;

  double const window;      ///< in seconds
  double const aggression;  ///< above 1 the share grows fast at first, below 1 slowly
  double const min_share;   ///< what a backend gets at least, 0 … 1

  static constexpr parameter parameters[] = {
      {.name = "window", .member = parameter_of<&slow_start::window>, .preset = 30, .least = 0.001, .most = 1e6},
      {.name = "aggression", .member = parameter_of<&slow_start::aggression>, .preset = 1, .least = 0.01, .most = 100},
      {.name = "min_share", .member = parameter_of<&slow_start::min_share>, .preset = 0.1, .least = 0.001, .most = 1}};

  /// Fails if the window is outside 1 ms … 1 000 000 s, the aggression outside 0.01 … 100, or the least share outside
  /// 0.001 … 1.
  explicit slow_start(P policy, std::chrono::duration<double> grows_for = std::chrono::seconds{30}, double how_fast = 1,
                      double least = 0.1)
      : slow_start{std::move(policy), grows_for.count(), how_fast, least} {}
  /// The same with the window in seconds, as policy_registry reads it.
  slow_start(P policy, double seconds, double how_fast, double least)
      : base{std::move(policy)}, window{seconds}, aggression{how_fast}, min_share{least} {
    parameters[0].check(name, window);
    parameters[1].check(name, aggression);
    parameters[2].check(name, min_share);
    window_ = std::chrono::milliseconds{static_cast<std::int64_t>(std::ceil(window * 1000))};
  }

  void start(table const& t, cursor& c, random_source& random) const noexcept {
    c.draw = random_source{random.next()};
    base::start(t, c, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    proposal const p = this->next(t, c, s, k, key);
    if (!k.any_began_within(window_)) [[likely]]
      return p;
    return considered(p, t, c, s, k, key);
  }

 private:
  // The first proposal that is not declined, from `p` on. If the child has no more, it begins again, and the newcomers
  // are compared with each other; the third time nothing is declined, so that each member is proposed.
  EQUIPOISE_OUT_OF_LINE proposal considered(proposal p, table const& t, cursor& c, pick_state& s, pick k,
                                            key_of_policy<P> key) const noexcept {
    if (k.now() == time_point{}) return p;
    for (;; p = this->next(t, c, s, k, key)) {
      if (p.candidate == nullptr) {
        if (!s.declined) return p;
        s.whole = s.whole == 1 ? s.greatest : 0;
        s.greatest = 0, s.declined = false;
        s.child = {};
      } else if (!declines(p, t, c, s, k, key)) {
        return p;
      }
    }
  }

  bool declines(proposal const& p, table const& t, cursor& c, pick_state& s, pick const& k,
                key_of_policy<P> const& key) const noexcept {
    member const& m = *p.candidate;
    if (s.whole == 0 || p.mask != admission::new_work) return false;  // a bound session, or a last resort
    double const share = slow_start_share(k.age(m), window_, aggression, min_share);
    if (share >= s.whole) return false;
    if (draw(m, c, key) < share / s.whole && !is_loaded(m, share / s.whole, t, c, k)) return false;
    k.compared(m, "share", share);
    k.refused(m, "in slow start");
    s.declined = true;
    if (share > s.greatest && k.admits(m)) s.greatest = share;
    return true;
  }

  // A number of 0 … 1. With a key: the same for that key and backend, at any time and in every process.
  double draw(member const& m, cursor& c, key_of_policy<P> const& key) const noexcept {
    std::uint64_t const bits =
        needs_key(this->child) ? mix(detail::hash_of_key(key) ^ detail::hash_of_bytes(m.key())) : c.draw.next();
    return static_cast<double>(bits >> 11) * 0x1p-53;
  }

  // Whether m has more than that share of the mean work in flight of a few others. Otherwise a policy that compares
  // loads would give it nearly all.
  bool is_loaded(member const& m, double share, table const& t, cursor& c, pick const& k) const noexcept {
    if (!is_load_aware(this->child)) return false;
    auto const these = t.child.members.with_unhealthy();
    double load = 0, weight = 0;
    for (int i = 0; i != 8; ++i) {
      member const& other = these[c.draw.below(static_cast<std::uint32_t>(these.size()))];
      if (other.id == m.id || !k.is_eligible(other)) continue;
      load += k.in_flight(other);
      weight += other.weight;
    }
    return k.in_flight(m) * weight > share * load * m.weight;
  }

  std::chrono::milliseconds window_;
};

template <class P>
explicit slow_start(P) -> slow_start<P>;
template <class P>
explicit slow_start(slow_start<P>) -> slow_start<slow_start<P>>;  // nests; without this it would copy
template <class P, class Rep, class Period, class... Numbers>
explicit slow_start(P, std::chrono::duration<Rep, Period>, Numbers...) -> slow_start<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
