// SPDX-License-Identifier: MIT
// The versions of one list of members. A version stays as it is while it is in use. One that is no longer used is
// brought up to date and used again, so a change costs what changed, not the length of the list.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/snapshot/retired_list.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Members in two groups, one behind the other, each in the order of the records' positions.
struct list_version {
  using member = equipoise::member;

  std::vector<member> members;
  std::size_t first_group = 0;  // how many members the first group has
  std::uint64_t edits = 0;      // how many edits led to this version
  std::uint32_t users = 0;
  owned<list_version> next;  // in a list of old ones
};

// The index of the first member with that position or a later one. O(log members).
inline std::size_t first_from(array_view<member const> members, std::uint64_t position) noexcept {
  std::size_t const n = members.size();
  if (n != 0 && members.back().record->position < position) return n;
  return first_behind(n, [&](std::size_t i) { return members[i].record->position >= position; });
}

// Guarded by the pool's mutex. Functions that edit may throw; discard() then makes all as it was after the last
// commit(). (A template, so that only programs that make a pool compile it.)
template <class Version>
class list_history {
 public:
  using member = typename Version::member;
  enum class group : unsigned char { none, first, second };

  list_history() = default;
  list_history(list_history const&) = delete;
  list_history& operator=(list_history const&) = delete;
  ~list_history() { destroy_all(old_); }

  // The version that is being edited, else the last one; null if there is none.
  Version* newest() const noexcept { return open_ != nullptr ? open_.get() : current_.get(); }

  // Starts anew with these members.
  void replace(std::vector<member>&& members, std::size_t first_group) {
    discard();
    open_.reset(new Version);
    open_->members = std::move(members);
    open_->first_group = first_group;
    is_anew_ = true;
  }

  // Puts a member into a group, takes it out of one, moves it, or changes its attributes. There must be a version.
  // O(log members), and a shift of the members behind it unless it stays in its group.
  void place(member const& m, group before, group now) {
    if (before == group::none && now == group::none) return;
    if (open_ == nullptr) open();
    if (before == now) return edit({m, index_of(m, before), kind::replace});
    if (before != group::none) edit({m, index_of(m, before), kind::erase});
    if (now != group::none) edit({m, index_of(m, now), now == group::first ? kind::insert_first : kind::insert_second});
  }

  void commit() noexcept {
    if (open_ == nullptr) return;
    std::uint64_t const before = current_ != nullptr ? current_->edits : begin_;
    open_->edits = begin_ + log_.size() + is_anew_;
    if (current_ != nullptr) push(old_, std::move(current_));
    current_ = std::move(open_);
    std::size_t const limit = 64 + current_->members.size() / 16;
    if (log_.size() > limit) forget(before);
    if (log_.size() > limit || is_anew_) forget(current_->edits);
    is_anew_ = false;
  }
  void discard() noexcept {
    open_.reset();
    is_anew_ = false;
    if (current_ != nullptr)
      log_.erase(log_.begin() + static_cast<std::ptrdiff_t>(current_->edits - begin_), log_.end());
  }

  // There is no list from now on, until one is made with replace().
  void clear() noexcept {
    discard();
    if (current_ == nullptr) return;
    forget(current_->edits + 1);
    push(old_, std::move(current_));
  }

  // Moves to `after` what is not in use, but for the version that the next change will be made from.
  void sweep(owned<Version>& after) noexcept {
    if (old_ == nullptr) return;
    auto* const link = spare();
    Version const* const kept = link != nullptr ? link->get() : nullptr;
    move_if(old_, after, [kept](Version const& v) { return v.users == 0 && &v != kept; });
  }

 private:
  enum class kind : unsigned char { replace, erase, insert_first, insert_second };
  struct list_edit {
    member m;
    std::size_t index;
    kind what;
  };

  static auto at(std::vector<member>& members, std::size_t i) noexcept {
    return members.begin() + static_cast<std::ptrdiff_t>(i);
  }

  // Where the member is in a group, or belongs.
  std::size_t index_of(member const& m, group g) const noexcept {
    array_view<member const> const all = open_->members;
    std::size_t const first = open_->first_group;
    return g == group::first ? first_from({all.data(), first}, m.record->position)
                             : first + first_from({all.data() + first, all.size() - first}, m.record->position);
  }

  void edit(list_edit const& e) {
    log_.push_back(e);
    apply(*open_, e);
  }

  static void apply(Version& v, list_edit const& e) {
    switch (e.what) {
      case kind::replace:
        v.members[e.index] = e.m;
        break;
      case kind::erase:
        v.members.erase(at(v.members, e.index));
        v.first_group -= e.index < v.first_group;
        break;
      case kind::insert_first:
      case kind::insert_second:
        if (v.members.size() == v.members.capacity()) v.members.reserve(room_for(v.members.size()));
        v.members.insert(at(v.members, e.index), e.m);
        v.first_group += e.what == kind::insert_first;
        break;
    }
  }
  static std::size_t room_for(std::size_t n) noexcept { return n + n / 8 + 4; }

  // Makes a version to edit: an unused one that catches up, unless a copy of the current one is cheaper.
  void open() {
    if (auto* const link = spare(); link != nullptr && is_cheap(**link)) {
      open_ = pop(*link);
      for (std::size_t i = open_->edits - begin_; i != log_.size(); ++i) apply(*open_, log_[i]);
      return;
    }
    owned<Version> copy{new Version};
    copy->members.reserve(room_for(current_->members.size()));
    copy->members = current_->members;
    copy->first_group = current_->first_group;
    open_ = std::move(copy);
  }

  // The newest version that may be brought up to date: it is not in use, and the log has all edits since. Null if there
  // is none.
  owned<Version>* spare() noexcept {
    owned<Version>* best = nullptr;
    for (auto* v = &old_; *v != nullptr; v = &(*v)->next)
      if ((*v)->users == 0 && (*v)->edits >= begin_ && (best == nullptr || (*best)->edits < (*v)->edits)) best = v;
    return best;
  }

  // Whether catching up moves fewer members than a copy does. (What a copy writes is cold as well.)
  bool is_cheap(Version const& v) const noexcept {
    std::size_t const n = v.members.size();
    std::size_t cost = 0;
    for (std::size_t i = v.edits - begin_; i != log_.size(); ++i)
      cost += log_[i].what == kind::replace ? 1 : 1 + n - (log_[i].index < n ? log_[i].index : n);
    return cost <= 2 * n + 64;
  }

  // Versions before that one will not be brought up to date any more.
  void forget(std::uint64_t edits) noexcept {
    std::uint64_t const count = edits - begin_ < log_.size() ? edits - begin_ : log_.size();
    log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(count));
    begin_ = edits;
  }

  owned<Version> current_;
  owned<Version> open_;  // the next one, while a change is being made
  owned<Version> old_;   // those before, newest first
  std::vector<list_edit> log_;
  std::uint64_t begin_ = 0;  // how many edits were made before the first one of the log
  bool is_anew_ = false;     // whether the open version has nothing to do with the current one
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
