// Whether one pick may have one member, and the answer that then is given. No policy decides this, so none can forget it.
#pragma once

#include <equipoise/core/lease.hpp>
#include <equipoise/core/policy.hpp>

namespace equipoise::inline EQUIPOISE_ABI::detail {

template <class B>
class gate {
 public:
  gate(registry& r, std::uint32_t row) noexcept : registry_{&r}, counts_{r.row(row)} {}

  registry const& words() const noexcept { return *registry_; }

  // Why this pick may not have it, `none` if it may: the word first, then what was tried, then the limit.
  cause judged(proposal const& p, pick_options const& options) const noexcept {
    std::uint32_t const word = registry_->word_of(p.who->id.slot).load(std::memory_order_acquire);
    admission const mask = p.mask & options.mask;
    if (!admits(word, p.who->id.tag, mask)) {
      std::uint32_t const against = (word ^ p.who->id.tag) & static_cast<std::uint32_t>(mask);
      bool const only_full = against == static_cast<std::uint32_t>(reason::saturated);
      return only_full ? cause::all_saturated : cause::all_down;
    }
    for (backend_id id : options.tried)
      if (id == p.who->id) return cause::all_tried;
    return p.limit != no_limit && registry_->load(p.who->id.slot) >= p.limit ? cause::all_saturated : cause::none;
  }

  // The word and the limit; a lease is announced first, and taken back if the answer is not `none`.
  template <class Answer>
  EQUIPOISE_INLINE cause take(proposal const& p, pick_options const& options) noexcept {
    backend_id const id = p.who->id;
    admission const mask = p.mask & options.mask;
    if constexpr (std::same_as<Answer, choice<B>>) {
      if (!registry_->check(id, mask)) [[unlikely]] return cause::all_down;
      return p.limit != no_limit && registry_->load(id.slot) >= p.limit ? cause::all_saturated : cause::none;
    } else {
      auto& count = counts_[id.slot];
      if (!lease_protocol<>::take(count, registry_->word_of(id.slot), id.tag, mask)) [[unlikely]] return cause::all_down;
      // The sum is read after the announcement: whoever announced last sees all the others, so a limit is never exceeded.
      if (p.limit != no_limit && registry_->in_flight(id.slot) > p.limit) [[unlikely]] {
        lease_protocol<>::give(count);
        return cause::all_saturated;
      }
      return cause::none;
    }
  }

  // What the host gets for a proposal that was taken.
  template <class Answer>
  EQUIPOISE_INLINE Answer made(proposal const& p, pick_options const& options) noexcept {
    auto const* record = static_cast<detail::record<B> const*>(p.who->record);
    EQUIPOISE_ASSUME(record != nullptr);  // spares the caller a test
    if constexpr (std::same_as<Answer, choice<B>>)
      return Answer{record};
    else
      return Answer{counts_[p.who->id.slot], record, options.now};
  }

 private:
  registry* registry_;
  registry::count* counts_;  // this worker's row
};

}  // namespace equipoise::inline EQUIPOISE_ABI::detail
