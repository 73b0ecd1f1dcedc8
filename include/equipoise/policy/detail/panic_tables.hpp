// SPDX-License-Identifier: MIT
// What compositions share that give work to unhealthy members in a panic: the count of healthy members, and a child's
// table of all members beside its usual one.
#pragma once

#include <equipoise/core/policy/check_policy.hpp>

#include <cstdio>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// How many members there are, how many of them are healthy, and how many were taken out: they drain, are in
// maintenance, or have another flag that a panic does not ignore.
struct health_count {
  std::uint32_t members = 0, healthy = 0, taken_out = 0;

  // Counts one more member, with what a panic ignores against it.
  void add(bool is_healthy, bool is_taken_out) noexcept {
    ++members;
    healthy += is_healthy;
    taken_out += is_taken_out;
  }
  void add(member const& m, pick const& k) noexcept {
    bool const healthy_now = k.passes(m, admission::new_work);
    add(healthy_now, !healthy_now && !k.passes(m, admission::panic));
  }

  std::uint32_t considered() const noexcept { return members - taken_out; }

  // Whether less than that percentage of the members considered is healthy. Not if none is left to consider.
  bool is_below(double percent) const noexcept { return considered() != 0 && 100.0 * healthy < percent * considered(); }
};

// What explain() says: "panic: 3 of 10 healthy, threshold 50 %", or "panic of priority 1: …".
inline constexpr std::uint32_t no_priority = 0xFFFFFFFF;
template <std::size_t Size>
void write_panic(char (&text)[Size], std::uint64_t healthy, std::uint64_t considered, double threshold,
                 std::uint32_t priority = no_priority) noexcept {
  char percent[32], level[32] = "";
  std::snprintf(percent, sizeof percent, "%g", threshold);
  for (char& digit : percent)
    if (digit == ',') digit = '.';  // the decimal point of some locales
  if (priority != no_priority) std::snprintf(level, sizeof level, " of priority %u", priority);
  std::snprintf(text, Size, "panic%s: %llu of %llu healthy, threshold %s %%", level,
                static_cast<unsigned long long>(healthy), static_cast<unsigned long long>(considered), percent);
}

// A child's usual table, and one that proposes all members. A policy whose table includes unhealthy members needs no
// second one.
template <class P>
struct panic_tables {
  using driver = policy_driver<P>;

  struct table {
    typename driver::table usual, everyone;
    bool has_everyone = false;
  };
  struct cursor {
    typename driver::cursor usual, everyone;
  };

  static table build(P const& child, members_view members, bool may_panic, table const* before) {
    table t;
    t.usual = driver::build(child, members, before != nullptr ? &before->usual : nullptr);
    t.has_everyone = may_panic && !includes_unhealthy(child);
    auto const all = members.with_unhealthy();
    if (t.has_everyone)
      t.everyone = driver::build(child, members.narrowed(all, all.size()),
                                 before != nullptr && before->has_everyone ? &before->everyone : nullptr);
    return t;
  }
  static cursor make_cursor(P const& child) { return {driver::make_cursor(child), driver::make_cursor(child)}; }
  static void remember(P const& child, table const& t, cursor& c) noexcept {
    driver::remember(child, t.usual, c.usual);
    if (t.has_everyone) driver::remember(child, t.everyone, c.everyone);
  }
  static void start(P const& child, table const& t, cursor& c, random_source& random) noexcept {
    driver::start(child, t.usual, c.usual, random);
    if (t.has_everyone) driver::start(child, t.everyone, c.everyone, random);
  }

  // The child's next proposal in a panic: also of unhealthy members, as far as `w` has them. Takes the pick and the key
  // by value: their addresses would keep them in memory.
  EQUIPOISE_OUT_OF_LINE static proposal next_in_panic(P const& child, table const& t, cursor& c,
                                                      typename driver::pick_state& s, pick k, widening const& w,
                                                      key_of_policy<P> key) noexcept {
    auto const& its = t.has_everyone ? t.everyone : t.usual;
    proposal p =
        driver::next(child, its, t.has_everyone ? c.everyone : c.usual, s, k.over(its.members).widened(w), key);
    if (p.candidate != nullptr) p.mask = p.mask & w.mask_of(*p.candidate);
    return p;
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
