// SPDX-License-Identifier: MIT
// Maximum in flight: no backend has more than `limit` pieces of work at once. A full backend is passed over like one
// that is down.
//
//   equipoise::balancer lb{pool, equipoise::max_in_flight{equipoise::round_robin{}, 100}};
//
// The limit is never exceeded, because it is tested after the lease was announced. Two workers that race for the last
// place may both be passed over. Use it with acquire(): the limit does not see a select(). If all backends are full,
// the error is `all_saturated`. Select: as the child's, and one more look at the counters for each proposal.
#pragma once

#include <equipoise/policy/detail/composition.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Limits the work in flight on each backend. See the top of the header.
template <class P>
struct max_in_flight : detail::composition_around<P> {
  static constexpr std::string_view name = "max_in_flight";
  using base = detail::composition_around<P>;

  std::uint32_t const limit;  ///< leases at once on one backend, of all workers together

  static constexpr parameter parameters[] = {{.name = "limit",
                                              .member = parameter_of<&max_in_flight::limit>,
                                              .preset = 1024,
                                              .least = 1,
                                              .most = no_limit - 1}};

  /// Fails if the limit is outside 1 … 4 294 967 294.
  explicit max_in_flight(P policy, std::int64_t most = 1024)
      : base{std::move(policy)}, limit{static_cast<std::uint32_t>(most)} {
    parameters[0].check(name, most);
  }

  EQUIPOISE_INLINE proposal propose(typename base::table const& t, typename base::cursor& c,
                                    typename base::pick_state& s, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    proposal p = this->next(t, c, s, k.limited(limit), key);
    if (p.candidate != nullptr && limit < p.limit) p.limit = limit;
    return p;
  }
};

template <class P>
explicit max_in_flight(P) -> max_in_flight<P>;
template <class P>
explicit max_in_flight(max_in_flight<P>) -> max_in_flight<max_in_flight<P>>;  // nests; without this it would copy
template <class P>
explicit max_in_flight(P, std::int64_t) -> max_in_flight<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
