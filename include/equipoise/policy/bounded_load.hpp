// Bounded load: nobody has more than (1 + ε) times its share of the work in flight. A key whose home is full goes on in its
// own order, so a hot key spreads over its next backends instead of felling one.
//
//   equipoise::balancer lb{pool, equipoise::bounded_load{equipoise::maglev{}}};        // at most 1.25 × the share
//
// Capacity of i: ⌈factor · (total in flight + 1) · weight_i / weight of those that are well⌉. What is in flight is summed at
// each pick up to 32 members, else every max(8, n/16) picks; who is well is looked at in every 16th sum, and for a new table. A
// worker remembers both in between, and before anybody is refused it sums again, up to four times while the numbers move: as
// long as they stand still, somebody always has room. Use acquire(): a select() adds nothing that the bound could see.
// Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (SODA 2018). Select: wait-free between
// publishes if the child is; O(1), amortised ≤ 32 loads.
#pragma once

#include <equipoise/core/policy/policy_driver.hpp>

#include <algorithm>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

template <class P>
struct bounded_load : with_key_of<P> {
  static constexpr std::string_view name = "bounded_load";

  P child;
  double const factor;  // 1 + ε

  struct table {
    typename policy_driver<P>::table child;
    std::uint32_t reread = 0;  // picks between two sums
  };
  struct cursor {
    typename policy_driver<P>::cursor child;
    std::uint64_t total = 0;
    double share = 0;  // factor / weight of the well
    std::uint32_t picks_left = 0, sums_left = 0;
  };
  struct pick_state {
    typename policy_driver<P>::pick_state child;
    bool begun = false;
    std::uint8_t looks = 0;  // how often this walk reckoned all anew
  };

  explicit bounded_load(P policy, double most_over_share = 1.25) : child{std::move(policy)}, factor{most_over_share} {
    if (!(factor > 1) || factor > 1e6)
      fail("equipoise: bounded_load::factor " + std::to_string(factor) + " is outside (1, 1000000]");
  }

  table build(members_view members) const {
    auto const every = members.size() <= 32 ? 0 : std::max<std::size_t>(8, members.size() / 16);
    return {policy_driver<P>::build(child, members), static_cast<std::uint32_t>(every)};
  }
  cursor make_cursor() const { return {policy_driver<P>::make_cursor(child)}; }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    c.picks_left = c.sums_left = 0;
    policy_driver<P>::start(child, t.child, c.child, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& w, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (!w.begun) {
      w.begun = true;
      if (c.picks_left == 0 || t.reread == 0) [[unlikely]]
        w.looks = sum(t, c, k);
      else
        --c.picks_left;
    }
    proposal p = policy_driver<P>::next(child, t.child, c.child, w.child, k, key);
    if (p.candidate == nullptr) [[unlikely]] return again(p, t, c, w, k, key);
    p.limit = std::min(p.limit, capacity(c, *p.candidate));
    return p;
  }

 private:
  static std::uint32_t capacity(cursor const& c, member const& m) noexcept {
    if (m.weight == 0) return no_limit;  // a bound session of the child's; nothing else proposes such a member
    double const room = c.share * static_cast<double>(c.total + 1) * m.weight;
    if (room >= no_limit - 1) return no_limit - 1;
    auto const whole = static_cast<std::uint32_t>(room);
    return whole + (whole < room);
  }

  // Refused by numbers that may be old: by fresh ones, unless those were.
  EQUIPOISE_OUT_OF_LINE proposal again(proposal p, table const& t, cursor& c, pick_state& w, pick k,
                                       key_of_policy<P> key) const noexcept {
    while (p.candidate == nullptr && w.looks != 5) {
      std::uint64_t const before = c.total;
      c.sums_left = 0;
      sum(t, c, k);
      if (w.looks++ != 0 && c.total == before) break;
      w.child = {};
      p = policy_driver<P>::next(child, t.child, c.child, w.child, k, key);
    }
    if (p.candidate != nullptr) p.limit = std::min(p.limit, capacity(c, *p.candidate));
    return p;
  }

  template <class F>
  EQUIPOISE_INLINE static std::uint64_t over_all(members_view const& members, F f) noexcept {
    std::uint64_t total = 0;
    for (member const& m : members) total += f(m);
    for (member const& m : members.unhealthy()) total += f(m);
    return total;
  }

  // True if the share was reckoned anew, too. Takes the pick by value: its address would keep it in memory.
  bool sum(table const& t, cursor& c, pick k) const noexcept {
    c.total = over_all(t.child.members, [k](member const& m) noexcept { return k.in_flight(m); });
    c.picks_left = t.reread;
    if (c.sums_left != 0) [[likely]] {
      --c.sums_left;
      return false;
    }
    std::uint64_t const healthy = over_all(t.child.members, [k](member const& m) noexcept { return k.admits(m) ? m.weight : 0; });
    c.share = factor / static_cast<double>(std::max<std::uint64_t>(1, healthy));
    c.sums_left = k.ordinary() ? 15 : 0;  // what a retry or a mask sees holds for that pick alone
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
