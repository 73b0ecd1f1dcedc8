// Limited: no backend has more than `most` in flight; what is full is passed over, as what is down is.
//
//   equipoise::balancer lb{pool, equipoise::max_in_flight{equipoise::round_robin{}, 100}};
//
// Never exceeded, whatever the workers do: the limit is tested after the lease was announced. Two that race for the last
// place may both be passed over. Use it with acquire(): a select() adds nothing that the limit could see. Everybody full
// answers `all_saturated`. Select: as the child's, and one more look at the counts for each proposal.
#pragma once

#include <equipoise/core/policy/policy_driver.hpp>

#include <algorithm>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

template <class P>
struct max_in_flight : with_key_of<P> {
  static constexpr std::string_view name = "max_in_flight";

  P child;
  std::uint32_t const most;  // leases at once on one backend, of all workers together

  using table = typename policy_driver<P>::table;
  using cursor = typename policy_driver<P>::cursor;
  using pick_state = typename policy_driver<P>::pick_state;

  explicit max_in_flight(P policy, std::uint32_t most_in_flight = 1024) : child{std::move(policy)}, most{most_in_flight} {
    if (most == 0) fail("equipoise: max_in_flight::most is 0: nobody could ever be picked");
  }

  table build(members_view members) const { return policy_driver<P>::build(child, members); }
  cursor make_cursor() const { return policy_driver<P>::make_cursor(child); }
  void start(table const& t, cursor& c, random_source& random) const noexcept { policy_driver<P>::start(child, t, c, random); }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& w, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    proposal p = policy_driver<P>::next(child, t, c, w, k, key);
    if (p.candidate != nullptr) p.limit = std::min(p.limit, most);
    return p;
  }
};

template <class P>
explicit max_in_flight(P) -> max_in_flight<P>;
template <class P>
explicit max_in_flight(max_in_flight<P>) -> max_in_flight<max_in_flight<P>>;  // nests; without this it would copy
template <class P>
explicit max_in_flight(P, std::uint32_t) -> max_in_flight<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
