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
    std::vector<bool> joins(list->size());
    bool is_twofold = false;
    auto const joined_at = pool_.size() != 0 ? now : time_point{};
    for (std::size_t i = 0; i != list->size(); ++i) {
      discovered const& d = (*list)[i];
      joins[i] = !is_member(d);
      is_twofold = is_twofold || (joins[i] && (on_join || d.flags != health_flag::none));
    }
    assign_result done;
    if (is_twofold) {
      done = assign(*list, &joins, joined_at);
      if (done.refused) return refuse(std::move(done), now);
    }
    for (std::size_t i = 0; is_twofold && i != list->size(); ++i) {
      if (!joins[i]) continue;
      auto const id = pool_.find((*list)[i].name);
      pool_.set(id, (*list)[i].flags);
      if (on_join) on_join(id);
    }
    auto second = assign(*list, nullptr, joined_at);
    if (second.refused) return refuse(std::move(second), now);
    if (!is_twofold) done = std::move(second);
    set_flags(*list);
    return done;
  }

 private:
  struct given {
    discovered what;
    backend_id id;
    health_flag flags;  // that were set here
  };

  // A member that was not given here, such as one that was added before the first list, is compared as assign() does.
  bool is_member(discovered const& d) const {
    auto const id = pool_.find(d.name);
    if (!id) return false;
    if (auto const at = given_.find(d.name); at != given_.end() && at->second.id == id) return at->second.what == d;
    bool is_same = false;
    if constexpr (std::equality_comparable<B>) {
      B const made = make_(d);
      pool_.visit(id, [&](B const& b, attributes const&, health_flag) { is_same = b == made; });
    }
    return is_same;
  }
  assign_result assign(std::vector<discovered> const& list, std::vector<bool> const* joins, time_point joined_at) {
    std::vector<entry<B>> entries;
    entries.reserve(list.size());
    for (std::size_t i = 0; i != list.size(); ++i) {
      entries.push_back({make_(list[i]), list[i].at.attrs});
      if (joins != nullptr && (*joins)[i]) entries.back().attrs.weight = 0;
    }
    return pool_.assign(entries,
                        {.on_bad_entry = bad_entry::keep_last_good, .rejoin_changed = true, .joined_at = joined_at});
  }
  assign_result refuse(assign_result done, time_point now) {
    failed("the pool refused the list: " + done.mistake, now);
    return done;
  }
  void set_flags(std::vector<discovered> const& list) {
    std::map<std::string, given, std::less<>> now_given;
    for (discovered const& d : list) {
      auto const id = pool_.find(d.name);
      auto const at = given_.find(d.name);
      auto const before = at != given_.end() && at->second.id == id ? at->second.flags : health_flag::none;
      if (auto const more = without(d.flags, before); more != health_flag::none) pool_.set(id, more);
      if (auto const fewer = without(before, d.flags); fewer != health_flag::none) pool_.clear(id, fewer);
      now_given.emplace(d.name, given{d, id, d.flags});
    }
    given_ = std::move(now_given);
  }

  pool<B>& pool_;
  maker make_;
  std::map<std::string, given, std::less<>> given_;
};
template <class B, class... More>
pool_feed(pool<B>&, More...) -> pool_feed<B>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
