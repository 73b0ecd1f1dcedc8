// SPDX-License-Identifier: MIT
// What the tests share: a backend, a fixture of a pool with a policy, keys of any kind, and a chi-square test.
#pragma once

#include "catch.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/core/pick/print.hpp>
#include <equipoise/hash/key.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <random>

struct server {
  std::string name = {};
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  std::string zone = {};
  std::size_t number = 0;  // its index in the list that the test made
  friend bool operator==(server const&, server const&) = default;
};
inline std::string_view key_of(server const& s) { return s.name; }
inline std::uint32_t weight_of(server const& s) { return s.weight; }
inline std::uint32_t priority_of(server const& s) { return s.priority; }
inline std::string_view zone_of(server const& s) { return s.zone; }

// A random number generator. Each test seeds its own, so that each run repeats the same numbers.
using rng = std::mt19937_64;
inline std::uint32_t random_below(rng& d, std::uint32_t n) { return static_cast<std::uint32_t>(d() % n); }

// A, B, … Z, then backend-26, …
inline std::string name_of(std::size_t i) {
  return i < 26 ? std::string(1, static_cast<char>('A' + i)) : "backend-" + std::to_string(i);
}

inline std::vector<server> weighted(std::vector<std::uint32_t> const& weights) {
  std::vector<server> all;
  for (std::size_t i = 0; i != weights.size(); ++i) all.push_back({name_of(i), weights[i], 0, "", i});
  return all;
}
inline std::vector<server> servers(std::size_t n) { return weighted(std::vector<std::uint32_t>(n, 1)); }

inline std::vector<std::uint32_t> random_weights(rng& d, std::size_t n, std::uint32_t most) {
  std::vector<std::uint32_t> weights(n);
  for (auto& w : weights) w = 1 + random_below(d, most);
  return weights;
}

// A key of the kind that a policy takes. An any_policy gets an address, because every standard policy takes one.
template <class Key>
Key key_number(std::uint64_t i) {
  if constexpr (std::same_as<Key, equipoise::address> || requires { Key::optional; }) {
    auto const h = equipoise::mix(i);
    return equipoise::address::v4({static_cast<std::uint8_t>(h), static_cast<std::uint8_t>(h >> 8),
                                   static_cast<std::uint8_t>(h >> 16), static_cast<std::uint8_t>(h >> 24)});
  } else if constexpr (std::same_as<Key, equipoise::no_key>) {
    return {};
  } else {
    return Key(i);
  }
}

// select, acquire, explain and select_n, with a key if the policy takes one.
template <class B, class P>
auto select(equipoise::picker<B, P>& p, [[maybe_unused]] std::uint64_t key, equipoise::pick_options const& o = {}) {
  if constexpr (equipoise::keyed<P>)
    return p.select(key_number<equipoise::key_of_policy<P>>(key), o);
  else
    return p.select(o);
}
template <class B, class P>
auto acquire(equipoise::picker<B, P>& p, [[maybe_unused]] std::uint64_t key, equipoise::pick_options const& o = {}) {
  if constexpr (equipoise::keyed<P>)
    return p.acquire(key_number<equipoise::key_of_policy<P>>(key), o);
  else
    return p.acquire(o);
}
template <class B, class P>
auto explain(equipoise::picker<B, P>& p, [[maybe_unused]] std::uint64_t key, equipoise::pick_options const& o = {}) {
  if constexpr (equipoise::keyed<P>)
    return p.explain(key_number<equipoise::key_of_policy<P>>(key), o);
  else
    return p.explain(o);
}
template <class B, class P>
std::vector<equipoise::backend_id> select_n(equipoise::picker<B, P>& p, [[maybe_unused]] std::uint64_t key,
                                            std::size_t n, equipoise::pick_options const& o = {}) {
  std::vector<equipoise::backend_id> found(n);
  if constexpr (equipoise::keyed<P>)
    found.resize(p.select_n(key_number<equipoise::key_of_policy<P>>(key), found, o));
  else
    found.resize(p.select_n(found, o));
  return found;
}

// The name of the backend that a choice or a lease holds, or its error: "A", "(all_down)".
template <class Answer>
std::string name_or_error(Answer const& a) {
  return a ? a->name : "(" + std::string{to_string(a.error())} + ")";
}

// A pool, a balancer with a policy, and one picker.
template <class P>
struct fleet {
  equipoise::pool<server> pool;
  equipoise::balancer<server, P> lb;
  equipoise::picker<server, P> picker;
  std::vector<equipoise::backend_id> ids;

  explicit fleet(P policy, std::vector<server> const& members = {}, std::uint64_t seed = 0,
                 equipoise::pool_options const& options = {})
      : pool{options}, lb{pool, std::move(policy), seed}, picker{lb.make_picker()} {
    join(members);
  }

  void join(std::vector<server> const& members) {
    pool.change([&](auto& transaction) {
      for (auto const& s : members) ids.push_back(transaction.add(s));
    });
  }

  // The names or errors of the next n picks, joined.
  std::string next(std::size_t n, equipoise::pick_options const& o = {}) {
    std::string names;
    for (std::size_t i = 0; i != n; ++i) names += name_or_error(select(picker, i, o));
    return names;
  }

  // How many of the next n picks, with the keys 0 … n−1, each backend gets.
  std::vector<std::size_t> shares(std::size_t n, equipoise::pick_options const& o = {}) {
    std::vector<std::size_t> count(ids.size());
    for (std::size_t i = 0; i != n; ++i) {
      auto const c = select(picker, i, o);
      REQUIRE(c);
      ++count[c->number];
    }
    return count;
  }

  // The owner of each of the keys 0 … n−1.
  std::vector<equipoise::backend_id> owners(std::size_t n) {
    std::vector<equipoise::backend_id> all(n);
    for (std::size_t i = 0; i != n; ++i) all[i] = select(picker, i).id();
    return all;
  }

  void set(std::size_t i, equipoise::health_flag r) { REQUIRE(pool.set(ids[i], r)); }
  void clear(std::size_t i, equipoise::health_flag r) { REQUIRE(pool.clear(ids[i], r)); }
};
template <class P, class... More>
fleet(P, More...) -> fleet<P>;

// While random members get and lose random flags, and work is in flight: explain() names the backend, or the error, of
// the pick that follows. Calls also(explanation, lease, whether no backend was excluded) after each.
template <class Fleet, class Also>
void check_explained_picks(Fleet& f, rng& d, Also also) {
  auto const n = static_cast<std::uint32_t>(f.ids.size());
  std::vector<equipoise::lease<server>> held;
  for (std::uint64_t i = 0; i != 4000; ++i) {
    auto const id = f.ids[random_below(d, n)];
    if (random_below(d, 2) == 0) f.pool.set(id, static_cast<equipoise::health_flag>(1u << random_below(d, 6)));
    if (random_below(d, 2) == 0) f.pool.clear(id, static_cast<equipoise::health_flag>(63));
    if (random_below(d, 16) == 0) f.pool.refresh();
    std::vector<equipoise::backend_id> excluded;
    if (random_below(d, 4) == 0) excluded.push_back(f.ids[random_below(d, n)]);
    auto const explained = explain(f.picker, i, {.excluded = excluded});
    auto got = acquire(f.picker, i, {.excluded = excluded});
    REQUIRE(explained.choice == got.id());
    REQUIRE(explained.error == got.error());
    also(explained, got, excluded.empty());
    if (got && held.size() < 10)
      held.push_back(std::move(got));
    else
      held.clear();
  }
}

// Each key has the same owner in whatever order the members join, one after the other.
template <class P>
void check_any_order_gives_the_same_map(P const& policy, std::vector<server> members, rng& d) {
  auto const map = [&] {
    fleet f{policy};
    for (auto const& m : members) f.join({m});
    std::vector<std::string> names;
    for (std::uint64_t i = 0; i != 3000; ++i) names.push_back(select(f.picker, i)->name);
    return names;
  };
  auto const first = map();
  for (int run = 0; run != 4; ++run) {
    std::shuffle(members.begin(), members.end(), d);
    CHECK(map() == first);
  }
}

// The share of the keys that changed their owner, except those that `own` had or has.
inline double others_moved(std::vector<equipoise::backend_id> const& before,
                           std::vector<equipoise::backend_id> const& after, equipoise::backend_id own) {
  std::size_t n = 0;
  for (std::size_t i = 0; i != before.size(); ++i) n += before[i] != own && after[i] != own && before[i] != after[i];
  return static_cast<double>(n) / static_cast<double>(before.size());
}

// The sum of (seen − expected)² / expected, divided by the value that chance exceeds once in 10 000 tries. Source:
// Wilson and Hilferty (1931).
inline double chi_square(std::vector<std::size_t> const& seen, std::vector<double> const& share) {
  double total = 0, all = 0, sum = 0;
  for (std::size_t n : seen) total += static_cast<double>(n);
  for (double s : share) all += s;
  for (std::size_t i = 0; i != seen.size(); ++i) {
    double const expected = total * share[i] / all;
    sum += (static_cast<double>(seen[i]) - expected) * (static_cast<double>(seen[i]) - expected) / expected;
  }
  double const freedom = static_cast<double>(seen.size() - 1), v = 2 / (9 * freedom);
  return sum / (freedom * std::pow(1 - v + 3.72 * std::sqrt(v), 3));
}
inline double chi_square(std::vector<std::size_t> const& seen) {
  return chi_square(seen, std::vector<double>(seen.size(), 1));
}
