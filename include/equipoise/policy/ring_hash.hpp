// SPDX-License-Identifier: MIT
// Ring hash: consistent hashing. Each backend owns points of a circle, and a key belongs to the next point. A backend
// that joins or leaves moves its own keys and no others, which is what stateful caches and shards want.
//
// Shares are uneven by chance: with 160 points per backend the greatest is about 1.2 × the mean. A weight counts as
// that many times the points, whatever the other members weigh. More than 134 217 728 points in all (about 1.6 GB) are
// refused. The keys of an owner that is down go where they go if it is removed: on along the circle, to the next point
// of a backend that may have them. So an outage that ends in a removal moves keys once.
// Select: wait-free between publishes; O(1) by a bucket index, and 1 / (share of the points that are up) if members are
// down. Memory: about 1.8 kB per backend of weight 1. Source: Karger et al. (1997). Points are mix(xxh64(key) + r·γ),
// independent of the order in which members joined.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/policy/policy.hpp>
#include <equipoise/hash/key.hpp>

#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Consistent hashing on a circle of points. See the top of the header.
template <class Hash = default_hash>
struct ring_hash {
  static constexpr std::string_view name = "ring_hash";
  static constexpr std::uint32_t tries = 1u << 14;  ///< points of backends that are up, before any other order
  static constexpr std::uint64_t most_points = 1u << 27;

  std::uint32_t const points = 160;  ///< per unit of weight, 1 … 65 536

  static constexpr parameter parameters[] = {
      {.name = "points", .member = parameter_of<&ring_hash::points>, .preset = 160, .least = 1, .most = 65'536}};

  using key_type = basic_key<Hash>;

  struct cursor {};
  struct point {
    std::uint32_t hash, owner;
  };
  struct pick_state {
    point const* first = nullptr;  // of the first proposal
    std::uint32_t steps = 0;       // along the circle since then
  };
  struct table {
    detail::array<point> circle;         // by hash; then the first point again, eight times, with the greatest hash
    detail::array<std::uint32_t> index;  // for each value of a hash's upper bits, the first point not below it
    std::uint32_t shift = 32;
  };

  ring_hash() = default;
  /// Fails if the number of points is outside 1 … 65 536.
  explicit ring_hash(std::int64_t points_each) : points{static_cast<std::uint32_t>(points_each)} {
    parameters[0].check(name, points_each);
  }

  // Sorted by counting: the hashes are even, so a bucket holds about two points, and the counts become the index.
  table build(members_view members) const {
    table t;
    std::size_t const count = count_all(members);
    if (count == 0) return t;
    auto const buckets = std::bit_ceil(count < 4 ? 2 : count / 2);
    t.shift = 32 - static_cast<std::uint32_t>(std::countr_zero(buckets));
    t.index = detail::array<std::uint32_t>(buckets + 1);
    for_each_point(members, [&](point p) { ++t.index[(p.hash >> t.shift) + 1]; });
    for (std::size_t b = 1; b <= buckets; ++b) t.index[b] += t.index[b - 1];
    t.circle = detail::array<point>(count + copies);
    auto next = t.index.copy();
    for_each_point(members, [&](point p) { t.circle[next[p.hash >> t.shift]++] = p; });
    auto const before = [&](point a, point b) {  // equal points are ordered by key, so that all processes agree
      return a.hash != b.hash ? a.hash < b.hash : a.owner != b.owner && members[a.owner].key() < members[b.owner].key();
    };
    for (std::size_t b = 0; b != buckets; ++b)
      for (std::uint32_t i = t.index[b] + 1; i < t.index[b + 1]; ++i) {  // few, so each is inserted at its place
        point const p = t.circle[i];
        std::uint32_t at = i;
        for (; at != t.index[b] && before(p, t.circle[at - 1]); --at) t.circle[at] = t.circle[at - 1];
        t.circle[at] = p;
      }
    for (std::size_t i = count; i != t.circle.size(); ++i) t.circle[i] = {0xFFFFFFFF, t.circle[0].owner};
    return t;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor&, pick_state& s, pick const& k,
                                    key_type const& key) const noexcept {
    if (t.circle.empty()) [[unlikely]]
      return nullptr;
    if (s.first != nullptr) [[unlikely]]
      return walk(t, s, k);
    auto const hash = static_cast<std::uint32_t>(key.mixed() >> 32);
    point const* p = t.circle.data() + t.index[std::uint64_t{hash} >> t.shift];
    for (;;) {
      int const below = (p[0].hash < hash) + (p[1].hash < hash) + (p[2].hash < hash) + (p[3].hash < hash);
      p += below;
      if (below != 4) [[likely]] {
        s.first = p;
        return &k.members[p->owner];
      }
    }
  }

 private:
  static constexpr std::uint32_t copies = 8;  // of the first point, behind the last one

  std::uint64_t count(member const& m) const noexcept { return std::uint64_t{points} * m.weight; }
  // 0 if the members are refused.
  std::size_t count_all(members_view members) const {
    std::uint64_t sum = 0;
    for (member const& m : members)
      if ((sum += count(m)) > most_points) {
        members.refuse("equipoise: ring_hash::points " + std::to_string(points) + " per unit of weight, the weight " +
                       std::to_string(m.weight) + " of backend '" + std::string{m.key()} +
                       "' included, are more than " + std::to_string(most_points) +
                       " points in all: lower the points or the weights");
        return 0;
      }
    return static_cast<std::size_t>(sum);
  }

  // A point depends on its member alone.
  template <class F>
  void for_each_point(members_view members, F&& f) const {
    for (std::uint32_t i = 0; i != members.size(); ++i) {
      std::uint64_t const place = xxh64(members[i].key());
      for (std::uint64_t r = 0, n = count(members[i]); r != n; ++r)
        f(point{static_cast<std::uint32_t>(mix(place + r * golden_gamma) >> 32), i});
    }
  }

  // The next proposal along the circle: the owner of a point that admits the pick, if any.
  static proposal walk(table const& t, pick_state& s, pick const& k) noexcept {
    std::uint32_t const steps = steps_to_next(t, s, k);
    if (steps == 0) return nullptr;
    s.steps += steps;
    return &k.members[t.circle[after(t, s)].owner];
  }
  static std::uint32_t size(table const& t) noexcept { return static_cast<std::uint32_t>(t.circle.size()) - copies; }
  static std::uint32_t after(table const& t, pick_state const& s) noexcept {
    auto const first = static_cast<std::uint32_t>(s.first - t.circle.data());
    return ((first < size(t) ? first : 0) + s.steps) % size(t);
  }

  // 0 if there is none. Takes the pick and its state by value: their addresses would keep them in memory.
  EQUIPOISE_OUT_OF_LINE static std::uint32_t steps_to_next(table const& t, pick_state s, pick k) noexcept {
    std::uint32_t at = after(t, s);
    std::uint32_t const before = t.circle[at].owner;
    for (std::uint32_t step = 1; s.steps + step < size(t); ++step) {
      if (++at == size(t)) at = 0;
      std::uint32_t const owner = t.circle[at].owner;
      if (owner != before && k.admits(k.members[owner])) return step;
      if (step == 64 && !any_is_admitted(k)) return 0;  // spares a walk over all points
    }
    return 0;
  }
  static bool any_is_admitted(pick const& k) noexcept {
    for (member const& m : k.members)
      if (k.admits(m)) return true;
    return false;
  }
};

ring_hash() -> ring_hash<>;
explicit ring_hash(std::int64_t) -> ring_hash<>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
