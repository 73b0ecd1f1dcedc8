// What a policy sees of one pick, and what it answers.
#pragma once

#include <equipoise/core/member.hpp>
#include <equipoise/core/pick_error.hpp>
#include <equipoise/core/pick_options.hpp>
#include <equipoise/core/registry/state_table.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// The limit of a proposal that has none.
inline constexpr std::uint32_t no_limit = 0xFFFFFFFF;

// A member, or nobody; who may be admitted; and the most in flight at which the lease may be taken.
struct proposal {
  member const* candidate = nullptr;
  admission mask = admission::new_work;
  std::uint32_t limit = no_limit;

  constexpr proposal() = default;
  constexpr proposal(member const* m) noexcept : candidate{m} {}
  constexpr proposal(std::nullptr_t) noexcept {}

  // Nobody, with the answer the host will read: a shard that has no member is `all_down`, a wrong key is `refused`.
  static constexpr proposal none(pick_error error) noexcept {
    proposal p;
    p.limit = static_cast<std::uint32_t>(error);
    return p;
  }
  constexpr pick_error error() const noexcept {
    return candidate == nullptr && limit != no_limit ? static_cast<pick_error>(limit) : pick_error::none;
  }
};

static_assert(sizeof(proposal) == 16);

namespace detail {

// Who listens while a pick is explained. May allocate; keeps what goes wrong to itself.
struct recorder {
  virtual void compared(member const&, char const* number, double value) noexcept = 0;
  virtual void refused(member const*, char const* why) noexcept = 0;  // no member: nobody is proposed

 protected:
  ~recorder() = default;
};

}  // namespace detail
// What a policy may look at while it proposes; all of it wait-free. Holds pointers only, so that it melts into the pick. (A
// table may outlive the members that it was built from: its destructor must not look at them.)
class pick {
 public:
  std::span<member const> members;  // the view the policy's table was built from

  pick(std::span<member const> these, detail::state_table const& r, pick_options const& o, detail::recorder* listener = nullptr) noexcept
      : members{these}, state_table_{&r}, options_{&o}, recorder_{listener} {}

  EQUIPOISE_INLINE time_point now() const noexcept { return options_->now; }
  EQUIPOISE_INLINE backend_id session() const noexcept { return options_->session; }

  // Work in flight on m, counted from the pick. A load for each count row.
  EQUIPOISE_INLINE std::uint32_t in_flight(member const& m) const noexcept { return state_table_->load(m.id.slot); }

  // Whether this pick may have m, as far as the host's mask says. Load-aware policies must ask: a dead backend looks idle. One
  // load, O(tried).
  EQUIPOISE_INLINE bool admits(member const& m) const noexcept {
    if (!state_table_->check(m.id, options_->mask)) return false;
    for (backend_id id : options_->excluded)
      if (id == m.id) return false;
    return true;
  }

  // No retry and no mask of its own: this pick may have whom any other may have.
  EQUIPOISE_INLINE bool ordinary() const noexcept {
    return options_->excluded.empty() && options_->mask == admission::new_work;
  }

  // Tells `explain` a number that was compared; costs nothing in an ordinary pick.
  EQUIPOISE_INLINE void compared(member const& m, char const* number, double value) const {
    if (recorder_ != nullptr) [[unlikely]] recorder_->compared(m, number, value);
  }

  // Tells `explain` why the policy itself passes m over; or, without a member, why it proposes nobody.
  EQUIPOISE_INLINE void refused(member const& m, char const* why) const {
    if (recorder_ != nullptr) [[unlikely]] recorder_->refused(&m, why);
  }
  EQUIPOISE_INLINE void refused(char const* why) const {
    if (recorder_ != nullptr) [[unlikely]] recorder_->refused(nullptr, why);
  }

  // The picker found nobody among those the tables were built from, and asks those left out. enter: true if it just began.
  EQUIPOISE_INLINE bool last_resort() const noexcept { return last_resort_; }
  bool enter_last_resort() noexcept { return !std::exchange(last_resort_, true); }

  // The same pick over a child's members.
  EQUIPOISE_INLINE pick over(std::span<member const> these) const noexcept {
    pick child{*this};
    child.members = these;
    return child;
  }

 private:
  detail::state_table const* state_table_;
  pick_options const* options_;
  detail::recorder* recorder_;
  bool last_resort_ = false;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
