// SPDX-License-Identifier: MIT
// Ring hash: consistent hashing. Each backend owns points of a circle, and a key belongs to the next point. A backend
// that joins or leaves moves its own keys and no others, which is what stateful caches and shards want.
//
// Shares are uneven by chance: with 160 points per backend the greatest is about 1.2 × the mean. A weight counts as
// that many times the points. Beyond 4 194 304 points in all, the points of every backend are halved until they fit.
// The keys of an owner that is down probe on; they do not pile up on the owner of the next point. Select: wait-free
// between publishes; O(1) by a bucket index. Memory: about 1.8 kB per backend of weight 1. Source: Karger et al.
// (1997). Points are mix(xxh64(key) + r·γ), independent of the order in which members joined.
#pragma once

#include <equipoise/core/algorithm.hpp>
#include <equipoise/core/policy/policy.hpp>
#include <equipoise/hash/key.hpp>
#include <equipoise/policy/detail/probe.hpp>

#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Consistent hashing on a circle of points. See the top of the header.
template <class Hash = default_hash>
struct ring_hash {
  static constexpr std::string_view name = "ring_hash";
  static constexpr std::uint64_t most_points = 1u << 22;

  std::uint32_t const points = 160;  ///< per unit of weight, 1 … 65 536

  using key_type = basic_key<Hash>;
  using pick_state = detail::probe;

  struct cursor {};
  struct point {
    std::uint32_t hash, owner;
  };
  struct table {
    std::vector<point> circle;         // by hash; then the first point again, eight times, with the greatest hash
    std::vector<std::uint32_t> index;  // for each value of a hash's upper bits, the first point not below it
    std::uint32_t shift = 32;
  };

  ring_hash() = default;
  /// Fails if the number of points is outside 1 … 65 536.
  explicit ring_hash(std::uint32_t points_each) : points{points_each} {
    if (points == 0 || points > 65'536)
      fail("equipoise: ring_hash::points " + std::to_string(points) + " is outside 1 … 65536");
  }

  table build(members_view members) const {
    std::uint32_t halvings = 0;
    while (count_all(members, halvings) > most_points && halvings < 48) ++halvings;
    std::vector<point> loose;
    loose.reserve(count_all(members, halvings));
    for (std::uint32_t i = 0; i != members.size(); ++i) {
      std::uint64_t const place = xxh64(members[i].key());
      for (std::uint64_t r = 0, n = count(members[i], halvings); r != n; ++r)
        loose.push_back({static_cast<std::uint32_t>(mix(place + r * golden_gamma) >> 32), i});
    }
    return arranged(loose, members);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor&, pick_state& s, pick const& k,
                                    key_type const& key) const noexcept {
    if (t.circle.empty()) [[unlikely]]
      return nullptr;
    auto const hash = static_cast<std::uint32_t>(s.next(key.mixed()) >> 32);
    point const* p = t.circle.data() + t.index[std::uint64_t{hash} >> t.shift];
    for (;;) {
      int const below = (p[0].hash < hash) + (p[1].hash < hash) + (p[2].hash < hash) + (p[3].hash < hash);
      p += below;
      if (below != 4) [[likely]]
        return &k.members[p->owner];
    }
  }

 private:
  std::uint64_t count(member const& m, std::uint32_t halvings) const noexcept {
    return std::max<std::uint64_t>(1, (std::uint64_t{points} * m.weight) >> halvings);
  }
  std::uint64_t count_all(members_view members, std::uint32_t halvings) const noexcept {
    std::uint64_t sum = 0;
    for (member const& m : members)
      if ((sum += count(m, halvings)) > most_points) break;  // too many already, and the sum must not overflow
    return sum;
  }

  // Sorted by counting: the hashes are even, so a bucket holds about two points, and the counts become the index.
  static table arranged(std::vector<point> const& loose, members_view members) {
    table t;
    if (loose.empty()) return t;
    auto const buckets = std::bit_ceil(std::max<std::size_t>(2, loose.size() / 2));
    t.shift = 32 - static_cast<std::uint32_t>(std::countr_zero(buckets));
    t.index.assign(buckets + 1, 0);
    for (point p : loose) ++t.index[(p.hash >> t.shift) + 1];
    for (std::size_t b = 1; b <= buckets; ++b) t.index[b] += t.index[b - 1];
    t.circle.resize(loose.size() + 8);
    auto next = t.index;
    for (point p : loose) t.circle[next[p.hash >> t.shift]++] = p;
    auto const before = [&](point a, point b) {  // equal points are ordered by key, so that all processes agree
      return a.hash != b.hash ? a.hash < b.hash : a.owner != b.owner && members[a.owner].key() < members[b.owner].key();
    };
    for (std::size_t b = 0; b != buckets; ++b)
      std::sort(t.circle.begin() + t.index[b], t.circle.begin() + t.index[b + 1], before);
    std::fill(t.circle.end() - 8, t.circle.end(), point{0xFFFFFFFF, t.circle[0].owner});
    return t;
  }
};

ring_hash() -> ring_hash<>;
explicit ring_hash(std::uint32_t) -> ring_hash<>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
