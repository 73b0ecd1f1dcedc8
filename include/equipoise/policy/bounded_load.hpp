// SPDX-License-Identifier: MIT
// Bounded load: no backend has more than (1 + ε) times its share of the work in flight. A key whose owner is full goes
// on in its own order, so one hot key does not overload its backend.
//
//   equipoise::balancer lb{pool, equipoise::bounded_load{equipoise::maglev{}}};        // at most 1.25 × the share
//
// The capacity of a member is ⌈factor · (total in flight + 1) · its weight / weight of the healthy members⌉. Up to 32
// members, each pick sums what is in flight; beyond that, every max(8, n/16)-th pick does. The first sum after a change
// of health, and after a new table, also looks at which members are healthy. A worker remembers both in between. Before
// a pick is refused it sums again, up to four times while the numbers move; as long as they stand still, some member
// has room. Use it with acquire(): the bound does not see a select(). Select: wait-free between publishes if the
// child's is; O(1), with at most 32 loads on average. Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with
// Bounded Loads" (SODA 2018).
#pragma once

#include <equipoise/policy/detail/composition.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
struct load_interval {
  std::uint32_t picks_between_sums = 0;
};
struct load_bound {
  std::uint64_t total = 0;                      // work in flight, on all members together
  double share = 0;                             // factor / weight of the healthy members
  std::uint64_t health = pick::unknown_health;  // pick::health_changes() when they were looked at
  std::uint32_t picks_left = 0;
};
struct load_state {
  bool begun = false;
  std::uint8_t sums = 0;  // how often this pick computed everything anew
};
}  // namespace detail

/// Bounds the work in flight on each backend by its share. See the top of the header.
template <class P>
struct bounded_load : detail::composition_around<P, detail::load_interval, detail::load_bound, detail::load_state> {
  static constexpr std::string_view name = "bounded_load";
  static constexpr bool counts_weights = true;
  using base = detail::composition_around<P, detail::load_interval, detail::load_bound, detail::load_state>;
  using table = typename base::table;
  using cursor = typename base::cursor;
  using pick_state = typename base::pick_state;

  double const factor;  ///< 1 + ε

  static constexpr parameter parameters[] = {{.name = "factor",
                                              .member = parameter_of<&bounded_load::factor>,
                                              .preset = 1.25,
                                              .least = 1,
                                              .most = 1e6,
                                              .wanted = "a number greater than 1 and up to 1000000",
                                              .accepts = [](double value) { return value > 1; }}};

  /// Fails if the factor is not greater than 1, or greater than 1 000 000.
  explicit bounded_load(P policy, double most_over_share = 1.25) : base{std::move(policy)}, factor{most_over_share} {
    parameters[0].check(name, factor);
  }

  table build(members_view members, table const* before = nullptr) const {
    table t = base::build(members, before);
    if (members.size() > 32)
      t.picks_between_sums = static_cast<std::uint32_t>(members.size() < 128 ? 8 : members.size() / 16);
    return t;
  }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    c.picks_left = 0;
    c.health = pick::unknown_health;
    base::start(t, c, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (!s.begun) {
      s.begun = true;
      if (c.picks_left == 0 || t.picks_between_sums == 0) [[unlikely]]
        s.sums = sum(t, c, k);
      else
        --c.picks_left;
    }
    pick const bounded = k.limited_per_weight(most_per_weight(c));
    proposal p = this->next(t, c, s, bounded, key);
    if (p.candidate == nullptr) [[unlikely]]
      return again(p, t, c, s, k, key);
    lower(p, bounded);
    return p;
  }

 private:
  EQUIPOISE_INLINE static void lower(proposal& p, pick const& bounded) noexcept {
    if (std::uint32_t const limit = bounded.limit_of(*p.candidate); limit < p.limit) p.limit = limit;
  }
  static double most_per_weight(cursor const& c) noexcept { return c.share * static_cast<double>(c.total + 1); }

  // The numbers that refused the pick may be old: tries once more with fresh ones.
  EQUIPOISE_OUT_OF_LINE proposal again(proposal p, table const& t, cursor& c, pick_state& s, pick k,
                                       key_of_policy<P> key) const noexcept {
    while (p.candidate == nullptr && s.sums != 5) {
      std::uint64_t const before = c.total;
      c.health = pick::unknown_health;
      sum(t, c, k);
      if (s.sums++ != 0 && c.total == before) break;
      s.child = {};
      pick const bounded = k.limited_per_weight(most_per_weight(c));
      p = this->next(t, c, s, bounded, key);
      if (p.candidate != nullptr) lower(p, bounded);
    }
    return p;
  }

  // Sums the work in flight. True if it computed the share anew, too. Takes the pick by value: its address would keep
  // it in memory.
  bool sum(table const& t, cursor& c, pick k) const noexcept {
    std::uint64_t const health = k.health_changes();
    auto const members = t.child.members.with_unhealthy();
    c.total = 0;
    for (member const& m : members) c.total += k.in_flight(m);
    c.picks_left = t.picks_between_sums;
    if (c.health == health) [[likely]]
      return false;
    std::uint64_t healthy = 0;
    for (member const& m : members) healthy += k.is_eligible(m) ? m.weight : 0;
    c.share = factor / static_cast<double>(healthy != 0 ? healthy : 1);
    c.health = k.ordinary() ? health : pick::unknown_health;  // what a retry or a mask sees holds for that pick alone
    return true;
  }
};

template <class P>
explicit bounded_load(P) -> bounded_load<P>;
template <class P>
explicit bounded_load(bounded_load<P>) -> bounded_load<bounded_load<P>>;  // nests; without this it would copy
template <class P>
explicit bounded_load(P, double) -> bounded_load<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
