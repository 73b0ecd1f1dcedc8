// SPDX-License-Identifier: MIT
// What a policy sees of one pick, and what it answers.
#pragma once

#include <equipoise/core/member.hpp>
#include <equipoise/core/pick_error.hpp>
#include <equipoise/core/pick_options.hpp>
#include <equipoise/core/registry/state_table.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The limit of a proposal that has none.
inline constexpr std::uint32_t no_limit = 0xFFFFFFFF;

/// What a policy answers: a member or no member, the flags that may keep it out, and a limit of the work in flight.
struct proposal {
  member const* candidate = nullptr;     ///< a member of the view that the policy's table was built from
  admission mask = admission::new_work;  ///< the health flags that count, combined with those of the pick
  std::uint32_t limit = no_limit;        ///< the lease is granted only up to this much work in flight

  constexpr proposal() = default;
  /// That member, or no member if it is null.
  constexpr proposal(member const* m) noexcept : candidate{m} {}
  /// No member: the scan over all members goes on.
  constexpr proposal(std::nullptr_t) noexcept {}

  /// No member, and the error that the application reads: `all_down` for a shard without a member, `refused` for a
  /// wrong key.
  static constexpr proposal none(pick_error error) noexcept {
    proposal p;
    p.limit = static_cast<std::uint32_t>(error);
    return p;
  }
  /// The error of a proposal without a member; pick_error::none if the policy gave no error.
  constexpr pick_error error() const noexcept {
    return candidate == nullptr && limit != no_limit ? static_cast<pick_error>(limit) : pick_error::none;
  }
};

static_assert(sizeof(proposal) == 16);

namespace detail {

// Listens while a pick is explained. May allocate, and must keep what goes wrong to itself.
struct recorder {
  virtual void compared(member const&, char const* number, double value) noexcept = 0;
  virtual void refused(member const*, char const* why) noexcept = 0;  // null: the policy proposes no member

 protected:
  ~recorder() = default;
};

}  // namespace detail

/// One pick, as a policy sees it while it proposes. All functions are wait-free.
///
/// A pick holds pointers only, so that it is inlined away. A policy's table may outlive the members that it was built
/// from; its destructor must not look at them.
class pick {
 public:
  array_view<member const> members;  ///< the members that the policy's table was built from

  /// The picker makes it.
  pick(array_view<member const> these, detail::state_table const& states, pick_options const& o,
       detail::recorder* listener = nullptr) noexcept
      : members{these}, states_{&states}, options_{&o}, recorder_{listener} {}

  /// The application's time; a default one if the application gave none.
  EQUIPOISE_INLINE time_point now() const noexcept { return options_->now; }

  /// The backend on which the client's session lives; a false id for none.
  EQUIPOISE_INLINE backend_id session() const noexcept { return options_->session; }

  /// The work in flight on m. One load per counter stripe.
  EQUIPOISE_INLINE std::uint32_t in_flight(member const& m) const noexcept { return states_->load(m.id.slot); }

  /// Whether m may get this pick as far as its health and the exclusions say. Load-aware policies must ask, because a
  /// dead backend looks idle. One load; O(excluded).
  EQUIPOISE_INLINE bool admits(member const& m) const noexcept {
    return states_->check(m.id, options_->mask) && !options_->excludes(m.id);
  }

  /// Whether the pick has neither exclusions nor a mask of its own, so that what holds for it holds for others.
  EQUIPOISE_INLINE bool ordinary() const noexcept {
    return options_->excluded.empty() && options_->mask == admission::new_work;
  }

  /// Tells explain() a number that the policy compared. Costs nothing in an ordinary pick.
  EQUIPOISE_INLINE void compared(member const& m, char const* number, double value) const {
    if (recorder_ != nullptr) [[unlikely]]
      recorder_->compared(m, number, value);
  }

  /// Tells explain() why the policy passes m over. Costs nothing in an ordinary pick.
  EQUIPOISE_INLINE void refused(member const& m, char const* why) const {
    if (recorder_ != nullptr) [[unlikely]]
      recorder_->refused(&m, why);
  }
  /// Tells explain() why the policy proposes no member at all.
  EQUIPOISE_INLINE void refused(char const* why) const {
    if (recorder_ != nullptr) [[unlikely]]
      recorder_->refused(nullptr, why);
  }

  /// The same pick over a child's members.
  EQUIPOISE_INLINE pick over(array_view<member const> these) const noexcept {
    pick child{*this};
    child.members = these;
    return child;
  }

 private:
  detail::state_table const* states_;
  pick_options const* options_;
  detail::recorder* recorder_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
