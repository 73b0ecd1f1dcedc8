// SPDX-License-Identifier: MIT
// Between a source of service discovery and a pool: what is believed, and when.
//
//   equipoise::discovery_feed feed;
//   feed.offer(list, now);                       // the source answered
//   feed.failed("connection refused", now);      // the source did not
//   if (auto list = feed.take(now)) assign(*list);
//
// - Joins, weights, addresses and flags count at once; a removal counts once it has lasted for feed_options::hold. So a
//   backend that a source forgets and remembers again stays a member, with its id, its health and its work in flight,
//   and it leaves at most once in that time.
// - Between two lists there is at least feed_options::interval, however often the source changes its mind.
// - An empty or a bad list, and a source that fails, change nothing: the last good list stays, and status() says so.
//   While a source fails, no removal becomes due either, because nothing confirms it.
//
// The lists are sorted by name, so a source that answers in another order each time, as DNS does, changes nothing.
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/result.hpp>
#include <equipoise/discovery/discovered.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How a discovery_feed damps its source.
struct feed_options {
  /// How long a backend must be missing until it is removed. 0: at once. A backend that is gone for good gets work
  /// until then, unless a health check or its failures keep it out; so a source shall drain a backend before it removes
  /// it.
  std::chrono::nanoseconds hold = std::chrono::seconds{10};
  std::chrono::nanoseconds interval = std::chrono::milliseconds{100};  ///< the least time between two lists
  bool takes_empty = false;                                            ///< an empty list is an answer, and not a fault

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (hold.count() < 0) fail("equipoise: feed_options::hold " + std::to_string(hold.count()) + " ns is negative");
    if (interval.count() < 0)
      fail("equipoise: feed_options::interval " + std::to_string(interval.count()) + " ns is negative");
  }
};

/// What a discovery_feed knows of its source.
struct feed_status {
  bool is_current = false;     ///< the source's last word was a good list
  std::string problem = {};    ///< what it was otherwise; empty before the first word
  time_point since = {};       ///< when the problem began; another one meanwhile begins no new time
  std::uint64_t lists = 0;     ///< good lists
  std::uint64_t refused = 0;   ///< lists that were empty or bad
  std::uint64_t failures = 0;  ///< how often the source could not answer
  std::size_t members = 0;     ///< backends in the last good list, with those held
  std::size_t held = 0;        ///< of these, missing in the source's last good list
};

/// Decides what a pool learns of a source's lists. See the top of the header. A clock that goes backwards begins the
/// times that run anew; none ends early. One thread at a time.
class discovery_feed {
 public:
  /// Fails if an option is out of range.
  explicit discovery_feed(feed_options const& o = {}) : options_{o} { o.check(); }

  /// A complete list of the source. It is refused whole, and nothing changes, if an entry is bad, if two have one name,
  /// or if it is empty; `none_is_meant` says that the source knows of no backend for certain. Allocates; O(n log n).
  result<> offer(std::vector<discovered> list, time_point now, bool none_is_meant = false) {
    std::string mistake;
    if (list.empty() && !none_is_meant && !options_.takes_empty) mistake = "equipoise: the list is empty";
    for (discovered const& d : list) {
      if (!mistake.empty()) break;
      mistake = d.mistake();
    }
    auto const by_name = [](discovered const& a, discovered const& b) { return a.name < b.name; };
    if (!std::is_sorted(list.begin(), list.end(), by_name)) std::sort(list.begin(), list.end(), by_name);
    auto const twin = std::adjacent_find(list.begin(), list.end(),
                                         [](discovered const& a, discovered const& b) { return a.name == b.name; });
    if (mistake.empty() && twin != list.end()) mistake = "equipoise: backend '" + twin->name + "' is listed twice";
    if (!mistake.empty()) {
      ++status_.refused;
      note_problem(mistake, now);
      return result<>::failure(std::move(mistake));
    }
    auto known = known_.begin();
    auto const is_missing_until = [&](auto const& is_end) {
      for (; known != known_.end() && !is_end(known->first); ++known)
        if (!std::exchange(known->second.is_missing, true)) known->second.missing_since = now;
    };
    for (discovered& d : list) {  // both are sorted
      is_missing_until([&](std::string const& name) { return name >= d.name; });
      if (known == known_.end() || known->first != d.name) known = known_.emplace_hint(known, d.name, entry_state{});
      known++->second = {std::move(d), false, {}};
    }
    is_missing_until([](std::string const&) { return false; });
    ++status_.lists;
    if (!status_.is_current && !status_.problem.empty()) last_since_ = status_.since, listed_at_ = now;
    status_.is_current = true;
    status_.problem.clear();
    status_.since = {};
    changed_ = true;
    count();
    return {};
  }

  /// The source could not answer: a connection was lost, or an answer was garbled. The last good list stays. Allocates;
  /// O(1).
  void failed(std::string why, time_point now) {
    ++status_.failures;
    note_problem(std::move(why), now);
  }

  /// The list that the pool shall have now, sorted by name; nothing if it is the one of the last call, or if that was
  /// too short a time ago. Allocates; O(n).
  std::optional<std::vector<discovered>> take(time_point now) {
    forget_later_than(now);
    if (status_.lists == 0 || now < due()) return {};
    if (status_.is_current)
      std::erase_if(known_, [&](auto const& k) {
        return k.second.is_missing && detail::later(k.second.missing_since, options_.hold) <= now;
      });
    count();
    changed_ = false;
    std::vector<discovered> list;
    list.reserve(known_.size());
    for (auto const& [name, known] : known_) list.push_back(known.value);
    if (has_taken_ && is_exactly(list, taken_)) return {};
    has_taken_ = true;
    taken_ = list;
    taken_at_ = now;
    return list;
  }

  /// The list that take() returned could not be used: take() returns it again after an interval. O(n).
  void put_back(time_point now) noexcept {
    taken_.clear();
    taken_at_ = now;
    changed_ = true;
  }

  /// When take() may have a list: a moment that is over if it may have one now, time_point::max() if it has none until
  /// the source says more. O(n).
  time_point due() const noexcept {
    if (status_.lists == 0) return time_point::max();
    auto const next = has_taken_ ? detail::later(taken_at_, options_.interval) : time_point::min();
    if (changed_) return next;
    auto first = time_point::max();
    if (status_.is_current)
      for (auto const& [name, known] : known_)
        if (known.is_missing) first = std::min(first, detail::later(known.missing_since, options_.hold));
    return std::max(first, next);
  }

  /// What is known of the source.
  feed_status const& status() const noexcept { return status_; }
  /// The options.
  feed_options const& options() const noexcept { return options_; }

 private:
  struct entry_state {
    discovered value;
    bool is_missing = false;
    time_point missing_since = {};
  };

  static bool is_exactly(std::vector<discovered> const& a, std::vector<discovered> const& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](discovered const& x, discovered const& y) { return x.is_exactly(y); });
  }
  void note_problem(std::string why, time_point now) {
    // A source that tells its last list and then what is wrong, at one moment, has not been well in between.
    if (status_.is_current && listed_at_ == now && last_since_ != time_point{})
      status_.since = last_since_;
    else if (status_.is_current || status_.problem.empty())
      status_.since = now;
    status_.is_current = false;
    status_.problem = std::move(why);
  }
  void forget_later_than(time_point now) noexcept {
    taken_at_ = std::min(taken_at_, now);
    for (auto& [name, known] : known_) known.missing_since = std::min(known.missing_since, now);
  }
  void count() noexcept {
    status_.members = known_.size();
    status_.held = 0;
    for (auto const& [name, known] : known_) status_.held += known.is_missing;
  }

  feed_options options_;
  feed_status status_;
  std::map<std::string, entry_state, std::less<>> known_;
  std::vector<discovered> taken_;  // the last list that the pool got
  time_point taken_at_{};
  time_point last_since_{}, listed_at_{};  // when the last problem began, and when a list ended it
  bool has_taken_ = false;
  bool changed_ = false;  // since the last take()
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
