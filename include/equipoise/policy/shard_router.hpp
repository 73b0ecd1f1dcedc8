// SPDX-License-Identifier: MIT
// Shard router: a map says which backend, by its key, owns a number. The map decides how many shards there are,
// whatever the membership. No other backend can stand in, so a shard that is down is `all_down`, and a number outside
// the map is `refused`.
//
//   equipoise::shard_router by_user{equipoise::modulo_shards{{"shard-1", "shard-2", "shard-3"}}};  // 0: shard-1
//   equipoise::shard_router by_id{equipoise::range_shards{{{1, 1000, "s1"}, {1001, 2000, "s2"}}}};  // 0: no such shard
//   equipoise::balancer lb{pool, by_user};
//   if (auto shard = picker.select(user_id)) …
//
// Select: wait-free between publishes; O(1) with modulo_shards, O(log ranges) with range_shards.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/key_index.hpp>
#include <equipoise/core/policy/policy.hpp>
#include <equipoise/policy/policy_text.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A key that is any 64-bit integer, signed or not, as the number it is.
struct integer_key {
  std::uint64_t magnitude = 0;  ///< the number without its sign
  bool negative = false;        ///< whether it is less than 0

  /// Of any integer.
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  constexpr integer_key(Integer number) noexcept
      : magnitude{number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number)},
        negative{number < 0} {}

  friend constexpr bool operator==(integer_key, integer_key) = default;
  friend constexpr bool operator<(integer_key a, integer_key b) noexcept {
    if (a.negative != b.negative) return a.negative;
    return a.negative ? a.magnitude > b.magnitude : a.magnitude < b.magnitude;
  }
};

/// The number in decimal.
inline std::string to_string(integer_key k) { return (k.negative ? "-" : "") + std::to_string(k.magnitude); }

// Number modulo n, never negative: 0 is the first shard's, n − 1 and −1 the last's. Refused: an empty list, an empty
// key.
class modulo_shards {
 public:
  explicit modulo_shards(std::vector<std::string> backends) : backends_{std::move(backends)} {
    if (std::string const why = mistake_in(backends_); !why.empty()) fail(why);
  }

  /// Why the list is refused; empty if it is not. O(backends).
  static std::string mistake_in(std::vector<std::string> const& backends) {
    if (backends.empty()) return "equipoise: modulo_shards: the list of backends is empty";
    for (auto const& name : backends)
      if (name.empty()) return "equipoise: modulo_shards: a backend's key is empty";
    return {};
  }

  /// The map as policy_registry reads it: "modulo_shards{a, b}".
  std::string describe() const {
    std::string text;
    for (auto const& name : backends_) detail::add_listed(text, detail::written_text(name));
    return detail::joined({"modulo_shards{", text, "}"});
  }

  /// The keys of the backends, by shard.
  std::vector<std::string> const& backends() const noexcept { return backends_; }

  /// The number of the shard, always below backends().size(). Constant time.
  EQUIPOISE_INLINE std::size_t find(integer_key k) const noexcept {
    std::uint64_t const n = backends_.size(), r = k.magnitude % n;
    return static_cast<std::size_t>(k.negative && r != 0 ? n - r : r);
  }

 private:
  friend class shard_map;
  modulo_shards() = default;

  std::vector<std::string> backends_;
};

// Ranges of numbers, both ends included, in any order. Refused: an empty list, an empty key, a range that ends before
// it begins, two that overlap. Gaps are allowed; two ranges may name the same backend.
class range_shards {
 public:
  struct range {
    integer_key first, last;
    std::string backend;
  };

  explicit range_shards(std::vector<range> ranges) : ranges_{std::move(ranges)} {
    if (std::string const why = mistake_in(ranges_); !why.empty()) fail(why);
    for (range const& r : ranges_) backends_.push_back(r.backend);
  }

  /// Sorts the ranges and returns why they are refused; an empty text if they are not. O(ranges · log ranges).
  static std::string mistake_in(std::vector<range>& ranges) {
    sort(ranges);
    return mistake_in_sorted(ranges);
  }

  /// The map as policy_registry reads it: "range_shards{1..1000=a, 1001..2000=b}".
  std::string describe() const {
    std::string text;
    for (range const& r : ranges_)
      detail::add_listed(
          text, detail::joined({to_string(r.first), "..", to_string(r.last), "=", detail::written_text(r.backend)}));
    return detail::joined({"range_shards{", text, "}"});
  }

  /// The keys of the backends, by shard.
  std::vector<std::string> const& backends() const noexcept { return backends_; }

  /// The number of the range, or backends().size() if there is none. O(log ranges).
  std::size_t find(integer_key k) const noexcept {
    std::size_t const behind =
        detail::first_behind(ranges_.size(), [&](std::size_t i) { return k < ranges_[i].first; });
    return behind == 0 || ranges_[behind - 1].last < k ? ranges_.size() : behind - 1;
  }

 private:
  friend class shard_map;
  range_shards() = default;

  static void sort(std::vector<range>& ranges) {
    struct place {
      range* of;
    };
    detail::array<place> order(ranges.size());
    for (std::size_t i = 0; i != order.size(); ++i) order[i].of = &ranges[i];
    detail::sort(order, [](place a, place b) { return a.of->first < b.of->first; });
    std::vector<range> sorted;
    sorted.reserve(ranges.size());
    for (place p : order) sorted.push_back(std::move(*p.of));
    ranges = std::move(sorted);
  }
  static std::string mistake_in_sorted(std::vector<range> const& ranges) {
    if (ranges.empty()) return "equipoise: range_shards: the list of ranges is empty";
    for (std::size_t i = 0; i != ranges.size(); ++i) {
      range const& r = ranges[i];
      if (r.backend.empty()) return detail::joined({"equipoise: range_shards: ", written(r), " names no backend"});
      if (r.last < r.first) return detail::joined({"equipoise: range_shards: ", written(r), " ends before it begins"});
      if (i != 0 && !(ranges[i - 1].last < r.first))
        return detail::joined({"equipoise: range_shards: ", written(ranges[i - 1]), " and ", written(r), " overlap"});
    }
    return {};
  }
  static std::string written(range const& r) { return detail::joined({to_string(r.first), " … ", to_string(r.last)}); }

  std::vector<range> ranges_;
  std::vector<std::string> backends_;
};

// `Map` is one of the two, or your own: backends() gives the keys of the shards' backends, find(integer_key) a place in
// that list, or any number beyond its end for "no such shard".
template <class Map>
struct shard_router {
  static constexpr std::string_view name = "shard_router";
  static constexpr bool finite = true;
  static constexpr std::uint32_t tries = 1;
  static constexpr bool counts_weights = false;

  using key_type = integer_key;

  struct table {
    detail::array<member const*> owner;  // by shard; null while its backend is not a member or has weight 0
  };
  struct cursor {};

  Map map;

  explicit shard_router(Map m) : map{std::move(m)} {}

  /// Of a text that has no mistake. policy_registry uses both, if the map can be made of a text as shard_map can.
  template <std::same_as<policy_text> Text>
  explicit shard_router(Text const& text) : map{text.parts[0]} {}
  /// Why a text is refused; empty if it is not.
  template <class M = Map>
  static std::string mistake_in(policy_text const& text) {
    if (text.parts.size() == 1) return M::mistake_in(text.parts[0]);
    return "equipoise: policy 'shard_router' needs one map inside: shard_router{modulo_shards{a, b}}";
  }

  /// "shard_router{modulo_shards{a, b}}", if the map describes itself.
  std::string describe() const {
    if constexpr (requires { map.describe(); })
      return detail::joined({"shard_router{", map.describe(), "}"});
    else
      return std::string{name};
  }

  table build(members_view members) const {
    struct known {
      member const* m;
      std::string_view key;
      known* next_in_bucket;
    };
    auto nodes = detail::array<known>::with_room(members.size());
    detail::key_index<known> by_key;
    by_key.make_room(members.size());
    for (member const& m : members) {
      nodes.append({&m, m.key(), nullptr});
      by_key.insert(nodes.back());
    }
    table t;
    t.owner = detail::array<member const*>::with_room(map.backends().size());
    for (auto const& backend : map.backends()) {
      known const* const at = by_key.find(backend);
      t.owner.append(at != nullptr ? at->m : nullptr);
    }
    return t;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor&, pick const& k, integer_key const& key) const noexcept {
    std::size_t const shard = map.find(key);
    if (shard >= t.owner.size()) [[unlikely]] {
      k.refused("no such shard");
      return proposal::none(pick_error::refused);
    }
    if (t.owner[shard] == nullptr) [[unlikely]] {
      k.refused("the shard's backend is not a member, or has weight 0");
      return proposal::none(pick_error::all_down);
    }
    return t.owner[shard];
  }
};

template <class Map>
explicit shard_router(Map) -> shard_router<Map>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
