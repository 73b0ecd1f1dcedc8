// SPDX-License-Identifier: MIT
// Finds a member with the least work in flight without looking at all of them: it remembers the least of each block of
// 32 members, and of each 32 blocks. What it remembers may be too low, never too high, except while a count changes.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/policy/pick.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Part of a table. The members must have equal weights. Its order is that of the blocks in which their slots were
// dealt, and within a block that of the list; for members that joined in the order of the list, it is the list's.
class least_load_index {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  least_load_index() = default;
  explicit least_load_index(members_view members) : order_(members.size()) {
    auto const block_of = [&](std::uint32_t i) { return release_log::block_of(members[i].id.slot); };
    array<std::uint64_t> by_block(order_.size());
    bool is_sorted = true;
    for (std::uint32_t i = 0; i != order_.size(); ++i) {
      by_block[i] = std::uint64_t{block_of(i)} << 32 | i;
      is_sorted = is_sorted && (i == 0 || by_block[i - 1] < by_block[i]);
    }
    if (!is_sorted) sort(by_block, [](std::uint64_t a, std::uint64_t b) { return a < b; });
    for (std::uint32_t at = 0; at != order_.size(); ++at) order_[at] = static_cast<std::uint32_t>(by_block[at]);
    places_ = array<std::uint32_t>(order_.size());
    blocks_ = array<range>::with_room(order_.size() + 1);
    tops_ = array<range>::with_room(order_.size() + 1);
    std::uint32_t last = none;
    for (std::uint32_t at = 0; at != order_.size(); ++at) {
      places_[order_[at]] = at;
      std::uint32_t const block = block_of(order_[at]);
      if (block == last) continue;
      if (last == none || release_log::top_of(block) != release_log::top_of(last))
        tops_.append({static_cast<std::uint32_t>(blocks_.size()), release_log::top_of(block)});
      blocks_.append({at, block});
      last = block;
    }
    tops_.append({static_cast<std::uint32_t>(blocks_.size()), none});
    blocks_.append({static_cast<std::uint32_t>(order_.size()), none});
    least_of_block_ = array<memory>(blocks_.size() - 1);
    least_of_top_ = array<memory>(tops_.size() - 1);
  }

  bool is_empty() const noexcept { return order_.empty(); }

  // The index of the first member from `from` on in the index's order with the least load of those that the pick may
  // have; none if it may have none. The pick must be an ordinary one without limits. Lock-free; O(members / 1024) and
  // two blocks, if one count fell since the last call.
  std::uint32_t find(pick const& k, std::uint32_t from) const noexcept {
    k.log_releases();
    std::uint32_t const start = places_[from];
    for (int repeats = 0; repeats != 8; ++repeats) {
      std::uint32_t least = none;
      for (std::uint32_t t = 0; t != least_of_top_.size(); ++t) least = smaller(least, least_of_top(t, k));
      if (least == none) return none;
      if (std::uint32_t const at = first_with(least, start, k); at != none) return order_[at];
    }
    return none;  // counts change faster than this can look
  }

 private:
  struct range {
    std::uint32_t first;   // member of a block, block of a top; the next range's is the end
    std::uint32_t number;  // as the log counts them
  };

  // A version and the least load that was found then, in one word.
  class memory {
   public:
    memory() = default;
    // What was remembered of that version, else what `look` finds now.
    template <class Look>
    std::uint32_t recall(std::uint32_t version, Look look) const noexcept {
      std::uint64_t const known = word_.load(std::memory_order_relaxed);
      return known >> 32 == version ? static_cast<std::uint32_t>(known) : remember(version, look());
    }
    std::uint32_t remember(std::uint32_t version, std::uint32_t least) const noexcept {
      word_.store(std::uint64_t{version} << 32 | least, std::memory_order_relaxed);
      return least;
    }

   private:
    mutable std::atomic<std::uint64_t> word_{~std::uint64_t{0}};  // of no version
  };

  static std::uint32_t smaller(std::uint32_t a, std::uint32_t b) noexcept { return a < b ? a : b; }
  std::uint32_t load_of(std::uint32_t at, pick const& k) const noexcept {
    member const& m = k.members[order_[at]];
    return k.is_eligible(m) ? k.in_flight_at_rest(m) : none;
  }

  // The versions are read before the loads.
  std::uint32_t least_of_block(std::uint32_t b, pick const& k) const noexcept {
    return least_of_block_[b].recall(k.releases_of_block(blocks_[b].number), [&] { return look_at_block(b, k); });
  }
  std::uint32_t least_of_top(std::uint32_t t, pick const& k) const noexcept {
    return least_of_top_[t].recall(k.releases_of_top(tops_[t].number), [&] { return look_at_top(t, k); });
  }
  std::uint32_t look_at_block(std::uint32_t b, pick const& k) const noexcept {
    std::uint32_t least = none;
    for (std::uint32_t at = blocks_[b].first; at != blocks_[b + 1].first; ++at) least = smaller(least, load_of(at, k));
    return least;
  }
  std::uint32_t look_at_top(std::uint32_t t, pick const& k) const noexcept {
    std::uint32_t least = none;
    for (std::uint32_t b = tops_[t].first; b != tops_[t + 1].first; ++b) least = smaller(least, least_of_block(b, k));
    return least;
  }

  // The first place from `start` on, in a circle, with that load. What was remembered too low is corrected on the way.
  std::uint32_t first_with(std::uint32_t least, std::uint32_t start, pick const& k) const noexcept {
    std::uint32_t const home = containing(blocks_, start), home_top = containing(tops_, home);
    auto const tops = static_cast<std::uint32_t>(least_of_top_.size());
    for (std::uint32_t at = start; at != blocks_[home + 1].first; ++at)
      if (load_of(at, k) == least) return at;
    for (std::uint32_t i = 0; i <= tops; ++i) {  // the first one twice: its blocks behind `home`, and those before
      std::uint32_t const t = (home_top + i) % tops;
      if (least_of_top(t, k) > least) continue;
      for (std::uint32_t b = i == 0 ? home + 1 : tops_[t].first; b != tops_[t + 1].first; ++b) {
        if (i == tops && b > home) break;
        if (least_of_block(b, k) > least) continue;
        for (std::uint32_t at = blocks_[b].first; at != blocks_[b + 1].first; ++at)
          if (load_of(at, k) == least) return at;
        std::uint32_t const version = k.releases_of_block(blocks_[b].number);
        least_of_block_[b].remember(version, look_at_block(b, k));
      }
      std::uint32_t const version = k.releases_of_top(tops_[t].number);
      least_of_top_[t].remember(version, look_at_top(t, k));
    }
    return none;
  }
  static std::uint32_t containing(array<range> const& ranges, std::uint32_t what) noexcept {
    return static_cast<std::uint32_t>(
               first_behind(ranges.size(), [&](std::size_t i) { return what < ranges[i].first; })) -
           1;
  }

  array<std::uint32_t> order_;   // the members' indices
  array<std::uint32_t> places_;  // the inverse
  array<range> blocks_, tops_;   // and one more each, where they end
  array<memory> least_of_block_, least_of_top_;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
