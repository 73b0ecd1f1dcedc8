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

  /// Gives the pool the list that is due, if one is. A backend whose address or incarnation changed joins anew. A
  /// backend that joins with flags, or while on_join is set, has weight 0 until these are set, so no pick comes
  /// between. With slow_start, a backend that joins others starts slowly, and those of a list for an empty pool do not.
  /// A list that a policy refuses, or for which the pool has no room, changes nothing, and status() says why. Blocking;
  /// as pool::assign().
  assign_result update(time_point now) {
    auto const list = take(now);
    if (!list) return {};
    auto const joined_at = pool_.size() != 0 ? now : time_point{};
    auto next = looked_up(*list);
    bool const is_twofold = std::any_of(next.begin(), next.end(), [&](given const& g) {
      return g.joins && (on_join || g.what.flags != health_flag::none);
    });
    assign_result done;
    if (is_twofold) {
      done = assign(next, true, joined_at);
      if (done.refused) return refuse(std::move(done), now);
    }
    for (given const& g : next) {
      if (!is_twofold || !g.joins) continue;
      auto const id = pool_.find(g.what.name);
      pool_.set(id, g.what.flags);
      if (on_join) on_join(id);
    }
    auto second = assign(next, false, joined_at);
    if (second.refused) return refuse(std::move(second), now);
    if (!is_twofold) done = std::move(second);
    set_flags(next);
    given_ = std::move(next);
    return done;
  }

 private:
  struct given {
    discovered what;
    backend_id id;
    health_flag flags;  // that were set here
    bool joins;
  };

  // What is known of each backend of a list. Both lists are sorted by name.
  std::vector<given> looked_up(std::vector<discovered> const& list) const {
    std::vector<given> next;
    next.reserve(list.size());
    auto before = given_.begin();
    for (discovered const& d : list) {
      while (before != given_.end() && before->what.name < d.name) ++before;
      auto const id = pool_.find(d.name);
      if (id && before != given_.end() && before->what.name == d.name && before->id == id)
        next.push_back({d, id, before->flags, before->what != d});
      else
        next.push_back({d, id, health_flag::none, !is_member(d, id)});
    }
    return next;
  }
  // A member that was not given here, such as one that was added before the first list, is compared as assign() does.
  bool is_member(discovered const& d, backend_id id) const {
    bool is_same = false;
    if constexpr (std::equality_comparable<B>) {
      if (!id) return false;
      B const made = make_(d);
      pool_.visit(id, [&](B const& b, attributes const&, health_flag) { is_same = b == made; });
    }
    return is_same;
  }
  assign_result assign(std::vector<given> const& next, bool without_work, time_point joined_at) {
    std::vector<entry<B>> entries;
    entries.reserve(next.size());
    for (given const& g : next) {
      entries.push_back({make_(g.what), g.what.at.attrs});
      if (without_work && g.joins) entries.back().attrs.weight = 0;
    }
    return pool_.assign(entries,
                        {.on_bad_entry = bad_entry::keep_last_good, .rejoin_changed = true, .joined_at = joined_at});
  }
  assign_result refuse(assign_result done, time_point now) {
    failed("the pool refused the list: " + done.mistake, now);
    return done;
  }
  void set_flags(std::vector<given>& next) {
    for (given& g : next) {
      auto const id = g.joins ? pool_.find(g.what.name) : g.id;
      if (id != g.id) g.id = id, g.flags = health_flag::none;
      if (auto const more = without(g.what.flags, g.flags); more != health_flag::none) pool_.set(id, more);
      if (auto const fewer = without(g.flags, g.what.flags); fewer != health_flag::none) pool_.clear(id, fewer);
      g.flags = g.what.flags;
    }
  }

  pool<B>& pool_;
  maker make_;
  std::vector<given> given_;  // the last list
};
template <class B, class... More>
pool_feed(pool<B>&, More...) -> pool_feed<B>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
