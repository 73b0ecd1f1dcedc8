// SPDX-License-Identifier: MIT
// What a policy sees of one pick, and what it answers.
#pragma once

#include <equipoise/core/member.hpp>
#include <equipoise/core/pick_error.hpp>
#include <equipoise/core/pick_options.hpp>
#include <equipoise/core/policy/widening.hpp>
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
  // The last word on a member is valid; null: its turn has come.
  virtual void set_aside(array_view<member const>, char const* why) noexcept = 0;
  virtual void noted(char const* what) noexcept = 0;   // about the whole pick
  virtual void widened(widening const&) noexcept = 0;  // lives as long as the policy's table

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
       detail::recorder* listener = nullptr, bool some_recovered = false) noexcept
      : members{these}, states_{&states}, options_{&o}, recorder_{listener}, some_recovered_{some_recovered} {}

  /// The application's time; a default one if the application gave none.
  EQUIPOISE_INLINE time_point now() const noexcept { return options_->now; }

  /// The backend on which the client's session lives; a false id for none.
  EQUIPOISE_INLINE backend_id session() const noexcept { return options_->session; }

  /// The work in flight on m. One load per counter stripe.
  EQUIPOISE_INLINE std::uint32_t in_flight(member const& m) const noexcept { return states_->load(m.id.slot); }

  /// Whether m may get this pick: by its health, the exclusions, and the limits that compositions set around the
  /// policy. A policy that compares must ask, because a dead backend looks idle. (A `finite` policy asks is_eligible()
  /// and proposes full members too, so that the error is `all_saturated`.) One load, and one per counter stripe if
  /// there are limits; O(excluded).
  EQUIPOISE_INLINE bool admits(member const& m) const noexcept {
    return is_eligible(m) && (!limits() || is_below_limit(m, in_flight(m)));
  }

  /// Whether that much work in flight on m is below the limits. Tells explain() if it is not.
  EQUIPOISE_INLINE bool is_below_limit(member const& m, std::uint32_t load) const noexcept {
    std::uint32_t const limit = limit_of(m);
    if (load < limit) return true;
    compared(m, "limit", limit);
    refused(m, "full");
    return false;
  }

  /// As admits(), without the limits. One load; O(excluded).
  EQUIPOISE_INLINE bool is_eligible(member const& m) const noexcept {
    admission mask = options_->mask;
    if (widening_ != nullptr) [[unlikely]]
      mask = mask & widening_->mask_of(m);
    return states_->check(m.id, mask) && !options_->excludes(m.id);
  }

  /// Whether no flag that the mask looks at is set against m, whatever the application says about this pick. One load.
  EQUIPOISE_INLINE bool passes(member const& m, admission mask) const noexcept { return states_->check(m.id, mask); }

  /// The limit of the work in flight on m; no_limit if there is none.
  EQUIPOISE_INLINE std::uint32_t limit_of(member const& m) const noexcept {
    if (most_per_weight_ < 0 || m.weight == 0) return most_;  // weight 0: a bound session, which no share limits
    double const room = most_per_weight_ * m.weight;
    if (room >= no_limit - 1) return most_ < no_limit ? most_ : no_limit - 1;
    auto const whole = static_cast<std::uint32_t>(room);
    std::uint32_t const rounded_up = whole + (whole < room);
    return most_ < rounded_up ? most_ : rounded_up;
  }

  /// Whether any backend may have begun to take work less than that long before now(). One load.
  EQUIPOISE_INLINE bool any_began_within(std::chrono::nanoseconds window) const noexcept {
    return states_->starts().any_within(window, options_->now);
  }
  /// How long before now() m began to take work, as the application told the pool; longer than 500 years if it did not.
  /// One load.
  std::chrono::milliseconds age(member const& m) const noexcept { return states_->starts().age(m.id, options_->now); }

  /// The same pick with a limit of the work in flight on each member, beside the limits it has.
  EQUIPOISE_INLINE pick limited(std::uint32_t most) const noexcept {
    pick child = copied();
    if (most < most_) child.most_ = most;
    return child;
  }
  /// The same with a limit per unit of weight, which is rounded up for each member.
  EQUIPOISE_INLINE pick limited_per_weight(double most) const noexcept {
    pick child = copied();
    if (most_per_weight_ < 0 || most < most_per_weight_) child.most_per_weight_ = most;
    return child;
  }

  /// The same pick that may also have some unhealthy members. A composition that widens
  /// a pick widens the masks of the proposals that it passes on, too.
  EQUIPOISE_INLINE pick widened(detail::widening const& w) const noexcept {
    pick child = copied();
    child.widening_ = &w;
    if (recorder_ != nullptr) [[unlikely]]
      recorder_->widened(w);
    return child;
  }

  /// Whether compositions around the policy limit the work in flight on a member.
  EQUIPOISE_INLINE bool limits() const noexcept { return most_ != no_limit || most_per_weight_ >= 0; }

  // For detail::least_load_index.
  void log_releases() const noexcept {
    if (!states_->releases().is_on()) [[unlikely]]
      states_->releases().turn_on();
  }
  std::uint32_t releases_of_block(std::uint32_t b) const noexcept { return states_->releases().of_block(b); }
  std::uint32_t releases_of_top(std::uint32_t t) const noexcept { return states_->releases().of_top(t); }
  std::uint32_t in_flight_at_rest(member const& m) const noexcept { return states_->in_flight(m.id.slot); }

  /// Whether members that the table leaves out have recovered since it was built.
  EQUIPOISE_INLINE bool some_recovered() const noexcept { return some_recovered_; }

  /// Whether the pick has neither exclusions nor a mask of its own, so that what holds for it holds for others.
  EQUIPOISE_INLINE bool ordinary() const noexcept {
    return options_->excluded.empty() && options_->mask == admission::new_work;
  }

  /// A number that differs once any member's health has changed: what a policy remembers of it is old then. One load.
  std::uint64_t health_changes() const noexcept { return states_->changes(); }
  /// What health_changes() never is: nothing is remembered.
  static constexpr auto unknown_health = ~std::uint64_t{0};

  /// Whether explain() listens.
  EQUIPOISE_INLINE bool is_explained() const noexcept { return recorder_ != nullptr; }

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

  /// Tells explain() why these members' turn comes only if others may not have the pick; null if it has come. What was
  /// said last counts. They must live as long as the policy's table.
  EQUIPOISE_INLINE void set_aside(array_view<member const> these, char const* why) const {
    if (recorder_ != nullptr) [[unlikely]]
      recorder_->set_aside(these, why);
  }

  /// Tells explain() what holds for the whole pick, whichever backend it finds.
  EQUIPOISE_INLINE void noted(char const* what) const {
    if (recorder_ != nullptr) [[unlikely]]
      recorder_->noted(what);
  }

  /// The same pick over a child's members.
  EQUIPOISE_INLINE pick over(array_view<member const> these) const noexcept {
    pick child = copied();
    child.members = these;
    return child;
  }

 private:
  // Each field by itself. A copy as a whole would be made of wide loads of what was just stored in small pieces, and
  // the processor waits for these.
  EQUIPOISE_INLINE pick copied() const noexcept {
    pick k{members, *states_, *options_, recorder_, some_recovered_};
    k.widening_ = widening_;
    k.most_ = most_;
    k.most_per_weight_ = most_per_weight_;
    return k;
  }

  detail::state_table const* states_;
  pick_options const* options_;
  detail::recorder* recorder_;
  detail::widening const* widening_ = nullptr;
  std::uint32_t most_ = no_limit;  // work in flight on a member
  double most_per_weight_ = -1;    // the same for each unit of its weight; negative: none
  bool some_recovered_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
