// SPDX-License-Identifier: MIT
// Maglev: consistent hashing by a table that the members fill in turns. Even to about 1 %, weighted, and the fastest of
// the keyed policies. When membership changes, slightly more keys move than must: half a per cent at 100 backends.
//
// The size of the table does not follow the number of members, because all keys would move at once. The default of
// 65 537 entries keeps every share within 1 % up to 650 members of equal weight; with more members, name a larger prime
// once. More members than entries are refused. A member that is down moves its own keys and no others: the table stays,
// and its keys probe on. (Removing it then fills the table anew, which spreads them in another way.) All processes
// agree, whatever the order in which members joined.
// Select: wait-free between publishes; O(1), one table look-up. Table: 2 bytes an entry (4 bytes from 65 535 members
// on); building 65 537 entries takes about 1.5 ms.
// Source: Eisenbud et al., "Maglev" (NSDI 2016), with turns by weight.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/policy/policy.hpp>
#include <equipoise/core/policy/spill_order.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/probe.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Consistent hashing by a filled table. See the top of the header.
template <class Hash = default_hash>
struct maglev {
  static constexpr std::string_view name = "maglev";
  static constexpr std::uint32_t tries = 64;

  std::uint32_t const entries = 65'537;  ///< size of the table, a prime

  static constexpr parameter parameters[] = {
      {.name = "entries",
       .member = parameter_of<&maglev::entries>,
       .preset = 65'537,
       .least = 2,
       .most = 1 << 30,
       .wanted = "a prime below 2^30",
       .accepts = [](double n) { return detail::is_prime(static_cast<std::uint64_t>(n)); }}};

  using key_type = basic_key<Hash>;
  using pick_state = detail::probe;

  struct cursor {};
  struct table {
    detail::array<std::uint16_t> narrow;  // indexes of members
    detail::array<std::uint32_t> wide;    // instead, where there are too many members
    std::uint64_t size = 0;
  };

  maglev() = default;
  /// Fails if the size is not a prime below 2^30.
  explicit maglev(std::int64_t size) : entries{static_cast<std::uint32_t>(size)} { parameters[0].check(name, size); }

  table build(members_view members) const {
    table t;
    if (members.empty()) return t;
    if (members.size() > entries) {
      members.refuse("equipoise: maglev::entries " + std::to_string(entries) + " is less than the number of members, " +
                     std::to_string(members.size()) + ": name a larger prime");
      return t;
    }
    auto owners = filled(members, entries);
    t.size = entries;
    if (members.size() >= 65'535) {
      t.wide = std::move(owners);
      return t;
    }
    t.narrow = detail::array<std::uint16_t>(entries);
    for (std::uint32_t e = 0; e != entries; ++e) t.narrow[e] = static_cast<std::uint16_t>(owners[e]);
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

  // The entries without an owner.
  class free_entries {
   public:
    explicit free_entries(std::uint32_t size) : size_{size}, count_{size}, taken_(size) {
      while (few_ * few_ < size / 4) ++few_;
    }

    std::uint32_t count() const noexcept { return count_; }

    // Leads a member to its next free entry and takes that. O(size / count) expected steps; but from some √size on, the
    // entries are looked at instead, so that filling a table takes no more than half of size · ln size steps.
    void take_next(permutation& p) {
      if (count_ > few_)
        while (taken_[p.at]) p.at = p.at >= size_ - p.skip ? p.at - (size_ - p.skip) : p.at + p.skip;
      else
        p.at = take_nearest(p);
      taken_[p.at] = true;
      --count_;
    }

   private:
    // An entry is (entry − at) / skip steps away, modulo the size, which is a prime.
    std::uint32_t take_nearest(permutation const& p) {
      if (last_.empty()) {
        last_ = detail::array<std::uint32_t>::with_room(count_);
        for (std::uint32_t e = 0; e != size_; ++e)
          if (!taken_[e]) last_.append(e);
      }
      std::uint64_t inverse = 1;  // of the skip: its power of size − 2
      std::uint64_t square = p.skip;
      for (std::uint32_t n = size_ - 2; n != 0; n /= 2, square = square * square % size_)
        if (n % 2 != 0) inverse = inverse * square % size_;
      auto const steps = [&](std::uint32_t e) { return (e + std::uint64_t{size_} - p.at) * inverse % size_; };
      std::size_t nearest = 0;
      std::uint64_t least = steps(last_[0]);
      for (std::size_t i = 1; i != last_.size(); ++i)
        if (std::uint64_t const n = steps(last_[i]); n < least) least = n, nearest = i;
      std::uint32_t const entry = std::exchange(last_[nearest], last_.back());
      last_.take_last();
      return entry;
    }

    std::uint32_t size_, count_;
    std::uint32_t few_ = 0;
    detail::array<bool> taken_;
    detail::array<std::uint32_t> last_;  // the free ones, once they are few
  };

  static detail::array<std::uint32_t> filled(members_view members, std::uint32_t size) {
    struct hashed {
      std::uint64_t hash;
      std::uint32_t member;
    };
    detail::array<hashed> names(members.size());
    for (std::uint32_t i = 0; i != members.size(); ++i) names[i] = {xxh64(members[i].key()), i};
    detail::sort(names, [](hashed const& a, hashed const& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.member < b.member;
    });
    detail::array<permutation> order(members.size());
    bool equal = true;
    for (std::size_t i = 0; i != order.size(); ++i) {
      std::uint64_t const a = mix(names[i].hash * golden_gamma + 1), b = mix(a + golden_gamma);
      order[i] = {names[i].member, static_cast<std::uint32_t>(multiply_high(a, size)),
                  size > 2 ? static_cast<std::uint32_t>(multiply_high(b, size - 1)) + 1 : 1};
      equal = equal && members[i].weight == members[0].weight;
    }
    detail::array<std::uint32_t> owners(size);
    free_entries free{size};
    auto const take_turn = [&](permutation& p) {
      free.take_next(p);
      owners[p.at] = p.member;
    };
    if (equal) {
      for (;;)
        for (auto& p : order) {
          take_turn(p);
          if (free.count() == 0) return owners;
        }
    }
    // A member's k-th turn comes at the time k / weight, whatever the others weigh. A heap gives the turns in order.
    struct turn {
      std::uint64_t number, weight;
      std::uint32_t place;  // in the order
    };
    auto const later = [](turn const& a, turn const& b) {
      std::uint64_t const at_a = a.number * b.weight, at_b = b.number * a.weight;
      return at_a != at_b ? at_a > at_b : a.place > b.place;
    };
    detail::array<turn> turns(order.size());  // a heap, the earliest on top
    auto const sink = [&](std::size_t at) {
      turn const t = turns[at];
      for (std::size_t child; (child = 2 * at + 1) < turns.size(); at = child) {
        if (child + 1 != turns.size() && later(turns[child], turns[child + 1])) ++child;
        if (!later(t, turns[child])) break;
        turns[at] = turns[child];
      }
      turns[at] = t;
    };
    for (std::uint32_t i = 0; i != order.size(); ++i) turns[i] = {1, members[order[i].member].weight, i};
    for (std::size_t i = turns.size(); i-- != 0;) sink(i);
    while (free.count() != 0) {
      take_turn(order[turns[0].place]);
      ++turns[0].number;
      sink(0);
    }
    return owners;
  }
};

maglev() -> maglev<>;
explicit maglev(std::int64_t) -> maglev<>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
