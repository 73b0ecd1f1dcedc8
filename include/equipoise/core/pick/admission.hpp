// SPDX-License-Identifier: MIT
// Whether one pick may have one member, and the answer it then gets. No policy decides this, so no policy can forget
// it.
#pragma once

#include <equipoise/core/pick/lease.hpp>
#include <equipoise/core/policy/pick.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
class admission_control {
 public:
  admission_control(state_table& states, std::uint32_t stripe) noexcept
      : states_{&states}, counts_{states.stripe(stripe)} {}

  state_table const& states() const noexcept { return *states_; }

  // Why this pick may not have the candidate; `none` if it may. Looks at the state word, then at the exclusions, then
  // at the limit. Wait-free.
  pick_error judge(proposal const& p, pick_options const& options) const noexcept {
    std::uint32_t const word = states_->word_of(p.candidate->id.slot).load(std::memory_order_acquire);
    admission const mask = p.mask & options.mask;
    if (!admits(word, p.candidate->id.tag, mask)) {
      std::uint32_t const against = (word ^ p.candidate->id.tag) & static_cast<std::uint32_t>(mask);
      bool const only_full = against == static_cast<std::uint32_t>(health_flag::saturated);
      return only_full ? pick_error::all_saturated : pick_error::all_down;
    }
    if (options.excludes(p.candidate->id)) return pick_error::all_excluded;
    bool const full = p.limit != no_limit && states_->load(p.candidate->id.slot) >= p.limit;
    return full ? pick_error::all_saturated : pick_error::none;
  }

  // Tests the state word and the limit. For a lease the work is announced first, and taken back if the result is not
  // `none`. Wait-free.
  template <class Answer>
  EQUIPOISE_INLINE pick_error take(proposal const& p, pick_options const& options) noexcept {
    backend_id const id = p.candidate->id;
    admission const mask = p.mask & options.mask;
    if constexpr (std::same_as<Answer, choice<B>>) {
      if (!states_->check(id, mask)) [[unlikely]]
        return pick_error::all_down;
      return p.limit != no_limit && states_->load(id.slot) >= p.limit ? pick_error::all_saturated : pick_error::none;
    } else {
      auto& count = count_of(*p.candidate);
      if (!lease_protocol<>::take(count, states_->word_of(id.slot), id.tag, mask)) [[unlikely]] {
        states_->releases().note(id.slot);
        return pick_error::all_down;
      }
      // The sum is read after the announcement: the last worker to announce sees all others, so a limit is never
      // exceeded.
      if (p.limit != no_limit && states_->in_flight(id.slot) > p.limit) [[unlikely]] {
        lease_protocol<>::give(count);
        states_->releases().note(id.slot);
        return pick_error::all_saturated;
      }
      return pick_error::none;
    }
  }

  // What the application gets for a proposal that was taken.
  template <class Answer>
  EQUIPOISE_INLINE Answer made(proposal const& p, pick_options const& options) noexcept {
    auto const* record = static_cast<detail::record<B> const*>(p.candidate->record);
    EQUIPOISE_ASSUME(record != nullptr);  // spares the caller a test
    if constexpr (std::same_as<Answer, choice<B>>)
      return Answer{record};
    else
      return Answer{count_of(*p.candidate), record, options.now};
  }

 private:
  EQUIPOISE_INLINE state_table::count& count_of(member const& m) const noexcept {
    return counts_[std::size_t{2} * m.id.slot + m.phase];
  }

  state_table* states_;
  state_table::count* counts_;  // this worker's stripe
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
