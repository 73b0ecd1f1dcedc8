// SPDX-License-Identifier: MIT
// Power of two choices: draw two different backends by weight and take the one with less work in flight for its weight.
//
// Nearly as even as least connections at the price of two draws, and without a herd: workers with the same view choose
// differently. Below about one request in flight all loads are equal, and it acts like weighted random: ties go to the
// first draw. Use it with acquire(). More than three choices hardly help.
// Select: wait-free between publishes; O(choices). Source: Mitzenmacher (2001); drawn by weight, compared as load /
// weight.
#pragma once

#include <equipoise/core/policy/policy.hpp>
#include <equipoise/policy/detail/alias_table.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The less loaded of two random backends. See the top of the header.
struct power_of_two {
  static constexpr std::string_view name = "power_of_two";
  static constexpr bool compares_loads = true;
  static constexpr std::uint32_t tries = 64;

  std::uint32_t choices = 2;  ///< draws per pick; the build fails if it is outside 2 … 10

  static constexpr parameter parameters[] = {
      {.name = "choices", .member = parameter_of<&power_of_two::choices>, .preset = 2, .least = 2, .most = 10}};

  static constexpr std::uint32_t none = 0xFFFFFFFF;

  struct table {
    detail::alias_table all;
    detail::alias_table others;     // than the heaviest, if that weighs more than all of them
    std::uint32_t heaviest = none;  // its index then
  };
  struct cursor {
    random_source draw;
  };
  struct pick_state {
    bool again = false;
  };

  table build(members_view members) const {
    table t;
    if (auto why = parameters[0].mistake_in(name, choices); !why.empty()) {
      members.refuse(std::move(why));
      return t;
    }
    t.all = detail::alias_table{members};
    std::uint64_t total = 0;
    std::size_t heaviest = 0;
    for (std::size_t i = 0; i != members.size(); ++i) {
      total += members[i].weight;
      if (members[i].weight > members[heaviest].weight) heaviest = i;
    }
    if (members.size() > 2 && members[heaviest].weight > total / 2) {
      auto others = detail::array<member>::with_room(members.size());
      for (std::size_t i = 0; i != members.size(); ++i)
        if (i != heaviest) others.append(members[i]);
      t.others = detail::alias_table{members.narrowed(others, others.size())};
      t.heaviest = static_cast<std::uint32_t>(heaviest);
    }
    return t;
  }
  cursor start(table const&, members_view, random_source& source) const noexcept {
    return {random_source{source.next()}};
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& s, pick const& k) const noexcept {
    auto const n = static_cast<std::uint32_t>(k.members.size());
    if (n < 2) [[unlikely]]
      return n == 0 ? nullptr : &k.members[0];
    // From the second proposal on, a member that may not be picked must not win: it looks idle. (The first proposal, if
    // refused, is drawn again.)
    if (std::exchange(s.again, true)) [[unlikely]]
      return of_admitted(t, c, k);
    std::uint64_t const draw = c.draw.next();
    member const* best;
    if (t.all.uniform()) [[likely]] {
      // Two different members from one draw: the second is drawn from n − 1, with a gap at the first.
      std::uint32_t const i = detail::multiply_high32(static_cast<std::uint32_t>(draw >> 32), n);
      std::uint32_t const j = detail::multiply_high32(static_cast<std::uint32_t>(draw), n - 1);
      best = lighter<false>(&k.members[i], &k.members[j + (j >= i)], k);
    } else {
      std::uint32_t const i = t.all(draw);
      best = lighter<true>(&k.members[i], &k.members[other(t, c, i, n)], k);
    }
    if (choices > 2) [[unlikely]]
      best = of_more(best, t, c, k);
    return best;
  }

 private:
  // Another index than i, by weight.
  static std::uint32_t other(table const& t, cursor& c, std::uint32_t i, std::uint32_t n) noexcept {
    if (i == t.heaviest) {
      std::uint32_t const j = t.others(c.draw.next());
      return j + (j >= i);
    }
    for (int draws = 0; draws != 16; ++draws)  // half of the draws at least are of another one
      if (std::uint32_t const j = t.all(c.draw.next()); j != i) return j;
    return i + 1 == n ? 0 : i + 1;
  }

  EQUIPOISE_OUT_OF_LINE member const* of_more(member const* best, table const& t, cursor& c, pick k) const noexcept {
    for (std::uint32_t more = 2; more != choices; ++more)
      best = lighter<true>(best, &k.members[t.all(c.draw.next())], k);
    return best;
  }

  // The draws are independent: what one of them may not have, the other one gets by its weight.
  EQUIPOISE_OUT_OF_LINE member const* of_admitted(table const& t, cursor& c, pick k) const noexcept {
    member const* best = &k.members[t.all(c.draw.next())];
    for (std::uint32_t more = 1; more < choices; ++more) {
      member const* const other = &k.members[t.all(c.draw.next())];
      if (!k.admits(*best))
        best = other;
      else if (k.admits(*other))
        best = lighter<true>(best, other, k);
    }
    return best;
  }

  template <bool by_weight>
  EQUIPOISE_INLINE static member const* lighter(member const* a, member const* b, pick const& k) noexcept {
    std::uint64_t const load_a = k.in_flight(*a), load_b = k.in_flight(*b);
    k.compared(*a, "load", static_cast<double>(load_a) / a->weight);
    k.compared(*b, "load", static_cast<double>(load_b) / b->weight);
    return (by_weight ? load_b * a->weight < load_a * b->weight : load_b < load_a) ? b : a;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
