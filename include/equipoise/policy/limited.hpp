// Limited: no backend has more than `most` in flight; what is full is passed over, as what is down is.
//
//   equipoise::balancer lb{pool, equipoise::limited{equipoise::round_robin{}, 100}};
//
// Never exceeded, whatever the workers do: the limit is tested after the lease was announced. Two that race for the last
// place may both be passed over. Use it with acquire(): a select() adds nothing that the limit could see. Everybody full
// answers `all_saturated`. Select: as the child's, and one more look at the counts for each proposal.
#pragma once

#include <equipoise/core/walk.hpp>

#include <algorithm>

namespace equipoise::inline EQUIPOISE_ABI {

template <class P>
struct limited : with_key_of<P> {
  static constexpr std::string_view name = "limited";

  P child;
  std::uint32_t const most;  // leases at once on one backend, of all workers together

  using table = typename course<P>::table;
  using cursor = typename course<P>::cursor;
  using walk = typename course<P>::walk;

  explicit limited(P policy, std::uint32_t most_in_flight = 1024) : child{std::move(policy)}, most{most_in_flight} {
    if (most == 0) fail("equipoise: limited::most is 0: nobody could ever be picked");
  }

  table build(members_view members) const { return course<P>::build(child, members); }
  cursor make_cursor() const { return course<P>::make_cursor(child); }
  void start(table const& t, cursor& c, random_source& random) const noexcept { course<P>::start(child, t, c, random); }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, walk& w, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    proposal p = course<P>::next(child, t, c, w, k, key);
    if (p.who != nullptr) p.limit = std::min(p.limit, most);
    return p;
  }
};

template <class P>
explicit limited(P) -> limited<P>;
template <class P>
explicit limited(limited<P>) -> limited<limited<P>>;  // nests; without this it would copy
template <class P>
explicit limited(P, std::uint32_t) -> limited<P>;

}  // namespace equipoise::inline EQUIPOISE_ABI
