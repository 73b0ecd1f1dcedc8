// SPDX-License-Identifier: MIT
// Maglev: consistent hashing by a table that the members fill in turns. Even to about 1 %, weighted, and the fastest of
// the keyed policies. When membership changes, slightly more keys move than must: half a per cent at 100 backends.
//
// A member that is down moves its own keys and no others: the table stays, and its keys probe on. All processes agree,
// whatever the order in which members joined.
// Select: wait-free between publishes; O(1), one table look-up. Table: the least prime ≥ max(65 537, 100 · members)
// entries of 2 bytes (4 bytes from 65 535 members on); building 65 537 entries takes about 1.5 ms.
// Source: Eisenbud et al., "Maglev" (NSDI 2016); turns by the credit rule of Katran.
#pragma once

#include <equipoise/core/algorithm.hpp>
#include <equipoise/core/policy/policy.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/probe.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Consistent hashing by a filled table. See the top of the header.
template <class Hash = default_hash>
struct maglev {
  static constexpr std::string_view name = "maglev";

  std::uint32_t const entries = 0;  ///< size of the table, a prime; 0: by the number of members

  using key_type = basic_key<Hash>;
  using pick_state = detail::probe;

  struct cursor {};
  struct table {
    std::vector<std::uint16_t> narrow;  // indexes of members
    std::vector<std::uint32_t> wide;    // instead, where there are too many members
    std::uint64_t size = 0;
  };

  maglev() = default;
  /// Fails if the size is not a prime below 2^30.
  explicit maglev(std::uint32_t size) : entries{size} {
    if (size > 1u << 30 || !is_prime(size))
      fail("equipoise: maglev::entries " + std::to_string(size) + " is not a prime below 2^30");
  }

  table build(members_view members) const {
    table t;
    if (members.empty()) return t;
    auto const size = entries != 0 ? entries : next_prime(std::max<std::uint64_t>(65'537, 100 * members.size()));
    auto owners = filled(members, size);
    t.size = size;
    if (members.size() < 65'535)
      t.narrow.assign(owners.begin(), owners.end());
    else
      t.wide = std::move(owners);
    return t;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor&, pick_state& s, pick const& k,
                                    key_type const& key) const noexcept {
    if (t.size == 0) [[unlikely]]
      return nullptr;
    std::uint64_t const at = multiply_high(s.next(key.mixed()), t.size);
    return &k.members[t.wide.empty() ? t.narrow[at] : t.wide[at]];
  }

 private:
  // One member's preferences: at, at + skip, at + 2·skip, … modulo the size.
  struct permutation {
    std::uint32_t member, at, skip;
  };

  static std::vector<std::uint32_t> filled(members_view members, std::uint32_t size) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> names(members.size());
    for (std::uint32_t i = 0; i != members.size(); ++i) names[i] = {xxh64(members[i].key()), i};
    std::sort(names.begin(), names.end());
    std::vector<permutation> order(members.size());
    std::uint32_t heaviest = 0, lightest = 0xFFFFFFFF;
    for (std::size_t i = 0; i != order.size(); ++i) {
      std::uint64_t const a = mix(names[i].first * golden_gamma + 1), b = mix(a + golden_gamma);
      order[i] = {names[i].second, static_cast<std::uint32_t>(multiply_high(a, size)),
                  size > 2 ? static_cast<std::uint32_t>(multiply_high(b, size - 1)) + 1 : 1};
      heaviest = std::max(heaviest, members[names[i].second].weight);
      lightest = std::min(lightest, members[names[i].second].weight);
    }
    constexpr std::uint32_t unowned = 0xFFFFFFFF;
    std::vector<std::uint32_t> owners(size, unowned);
    auto const take_turn = [&](permutation& p) {
      while (owners[p.at] != unowned) p.at = p.at >= size - p.skip ? p.at - (size - p.skip) : p.at + p.skip;
      owners[p.at] = p.member;
    };
    std::uint32_t left = size;
    if (lightest == heaviest) {
      for (;;)
        for (auto& p : order) {
          take_turn(p);
          if (--left == 0) return owners;
        }
    }
    // In each round a member's credit grows by its weight. When it reaches the heaviest weight, the member has a turn
    // and pays. So its k-th turn is in round ⌈k · heaviest / weight⌉, and a heap gives the turns in that order.
    using turn = std::pair<std::uint64_t, std::uint32_t>;  // round, place in the order
    auto const later = [](turn a, turn b) { return b < a; };
    std::vector<turn> turns;  // a heap, the earliest on top
    std::vector<std::uint64_t> taken(order.size(), 1);
    auto const round_of = [&](std::uint32_t i) {
      std::uint64_t const weight = members[order[i].member].weight;
      return (taken[i] * heaviest + weight - 1) / weight;
    };
    for (std::uint32_t i = 0; i != order.size(); ++i) turns.emplace_back(round_of(i), i);
    std::make_heap(turns.begin(), turns.end(), later);
    for (; left != 0; --left) {
      std::pop_heap(turns.begin(), turns.end(), later);
      auto const i = turns.back().second;
      take_turn(order[i]);
      ++taken[i];
      turns.back().first = round_of(i);
      std::push_heap(turns.begin(), turns.end(), later);
    }
    return owners;
  }

  static constexpr bool is_prime(std::uint64_t n) noexcept {
    if (n < 2) return false;
    for (std::uint64_t d = 2; d * d <= n; ++d)
      if (n % d == 0) return false;
    return true;
  }
  static std::uint32_t next_prime(std::uint64_t n) {
    while (!is_prime(n)) ++n;
    if (n > 1u << 30) fail("equipoise: maglev: " + std::to_string(n) + " entries are too many");
    return static_cast<std::uint32_t>(n);
  }
};

maglev() -> maglev<>;
explicit maglev(std::uint32_t) -> maglev<>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
