// SPDX-License-Identifier: MIT
// A pool that follows a source of service discovery.
//
//   equipoise::pool<equipoise::discovered> pool;
//   equipoise::pool_feed feed{pool};
//   feed.offer(source.members(), now);
//   feed.update(now);                            // when feed.due()
#pragma once

#include <equipoise/core/pool/pool.hpp>
#include <equipoise/discovery/feed.hpp>

#include <functional>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A discovery_feed whose lists a pool gets. It sets and clears the flags that the source states, and no flag that
/// something else has set, unless it is one of the same kind. It must not outlive its pool. One thread at a time.
template <class B = discovered>
class pool_feed : public discovery_feed {
  static_assert(std::equality_comparable<B>,
                "equipoise: a backend of a pool_feed needs ==, or each list makes it anew");

 public:
  using maker = std::function<B(discovered const&)>;

  /// `make` makes the pool's backends of what was discovered, each with the key `name`.
  pool_feed(pool<B>& p, feed_options const& o, maker make) : discovery_feed{o}, pool_{p}, make_{std::move(make)} {}
  /// For a pool of what was discovered.
  explicit pool_feed(pool<B>& p, feed_options const& o = {})
    requires std::same_as<B, discovered>
      : pool_feed{p, o, [](discovered const& d) { return d; }} {}

  /// Called with the id of each backend that joins, before it may get work: here a first check may be demanded.
  std::function<void(backend_id)> on_join;

  /// Gives the pool the list that is due, if one is. A backend whose address or incarnation changed joins anew, if `==`
  /// of B sees it. A backend that joins with flags, or while on_join is set, is `saturated` until these are set, so no
  /// pick comes between. With slow_start, a backend that joins others starts slowly, and those of a list for an empty
  /// pool do not. A list that a policy refuses, or for which the pool has no room, changes nothing; status() says why,
  /// and the next update() after an interval tries it again. Blocking; as pool::assign().
  assign_result update(time_point now) {
    auto const list = take(now);
    if (!list) return {};
    auto const joined_at = pool_.size() != 0 ? now : time_point{};
    auto next = looked_up(*list);
    bool const waits = on_join || std::any_of(next.begin(), next.end(),
                                              [](given const& g) { return g.what.flags != health_flag::none; });
    auto done = assign(next, waits ? until_flagged : health_flag::none, joined_at);
    if (done.refused) {
      failed("the pool refused the list: " + done.mistake, now);
      put_back(now);
      return done;
    }
    for (given& g : next) {
      auto const id = pool_.find(g.what.name);
      bool const joins = id != g.id;
      if (joins) g.id = id, g.flags = health_flag::none;
      set_flags(g);
      if (!joins || !waits) continue;
      if (on_join) on_join(id);
      pool_.clear(id, until_flagged);
    }
    given_ = std::move(next);
    return done;
  }

 private:
  static constexpr health_flag until_flagged = health_flag::saturated;

  struct given {
    discovered what;
    backend_id id;
    health_flag flags;  // that were set here
  };

  // What is known of each backend of a list. Both lists are sorted by name.
  std::vector<given> looked_up(std::vector<discovered> const& list) const {
    std::vector<given> next;
    next.reserve(list.size());
    auto before = given_.begin();
    for (discovered const& d : list) {
      while (before != given_.end() && before->what.name < d.name) ++before;
      auto const id = pool_.find(d.name);
      bool const is_same = before != given_.end() && before->what.name == d.name && before->id == id;
      next.push_back({d, id, is_same ? before->flags : health_flag::none});
    }
    return next;
  }
  assign_result assign(std::vector<given> const& next, health_flag joins_with, time_point joined_at) {
    std::vector<entry<B>> entries;
    entries.reserve(next.size());
    for (given const& g : next) entries.push_back({make_(g.what), g.what.at.attrs});
    return pool_.assign(entries, {.on_bad_entry = bad_entry::keep_last_good,
                                  .rejoin_changed = true,
                                  .joined_at = joined_at,
                                  .joins_with = joins_with});
  }
  void set_flags(given& g) {
    if (auto const more = without(g.what.flags, g.flags); more != health_flag::none) pool_.set(g.id, more);
    if (auto const fewer = without(g.flags, g.what.flags); fewer != health_flag::none) pool_.clear(g.id, fewer);
    g.flags = g.what.flags;
  }

  pool<B>& pool_;
  maker make_;
  std::vector<given> given_;  // the last list
};
template <class B, class... More>
pool_feed(pool<B>&, More...) -> pool_feed<B>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
