// Sticky: a client whose session lives on a backend goes back there; all others, and those whose backend is gone, as the
// child decides.
//
//   equipoise::balancer lb{pool, equipoise::sticky{equipoise::least_connections{}}};
//   auto lease = picker.acquire({.session = id_from_the_cookie});
//
// The host remembers whose session is where, and gives the id (pool.find(key) turns a cookie's key into one). A backend that
// is draining or of weight 0 keeps the sessions it has and gets no new ones. A forged or outdated id is no id.
// Select: wait-free, O(log members) with a session; as the child's without.
#pragma once

#include <equipoise/core/policy/policy_driver.hpp>

#include <algorithm>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

template <class P>
struct sticky : with_key_of<P> {
  static constexpr std::string_view name = "sticky";

  P child;

  struct table {
    std::vector<member> by_id;  // everybody, also those that get no new work
    typename policy_driver<P>::table child;
  };
  struct cursor {
    typename policy_driver<P>::cursor child;
  };
  struct pick_state {
    typename policy_driver<P>::pick_state child;
    bool asked = false;
  };

  explicit sticky(P policy) : child{std::move(policy)} {}

  table build(members_view members) const {
    table t{{members.all_members().begin(), members.all_members().end()}, policy_driver<P>::build(child, members)};
    std::sort(t.by_id.begin(), t.by_id.end(), [](member const& a, member const& b) { return a.id < b.id; });
    return t;
  }
  cursor make_cursor() const { return {policy_driver<P>::make_cursor(child)}; }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    policy_driver<P>::start(child, t.child, c.child, random);
  }

  EQUIPOISE_INLINE proposal propose(table const& t, cursor& c, pick_state& w, pick const& k,
                                    key_of_policy<P> const& key) const noexcept {
    if (!w.asked) {
      w.asked = true;
      if (k.session()) [[unlikely]]
        if (member const* m = find(t, k.session())) {
          proposal p{m};
          p.mask = admission::same_session;
          return p;
        }
    }
    return policy_driver<P>::next(child, t.child, c.child, w.child, k, key);
  }

 private:
  static member const* find(table const& t, backend_id id) noexcept {
    auto const at = std::lower_bound(t.by_id.begin(), t.by_id.end(), id, [](member const& m, backend_id i) { return m.id < i; });
    return at != t.by_id.end() && at->id == id ? &*at : nullptr;
  }
};

template <class P>
explicit sticky(P) -> sticky<P>;
template <class P>
explicit sticky(sticky<P>) -> sticky<sticky<P>>;  // nests; without this it would copy

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
