// SPDX-License-Identifier: MIT
// Sticky: a client whose session lives on a backend goes back there. For other clients, and if that backend is gone,
// the child decides.
//
//   equipoise::balancer lb{pool, equipoise::sticky{equipoise::least_connections{}}};
//   auto lease = picker.acquire({.session = id_from_the_cookie});
//
// The application remembers where each session is and gives the id; pool.find(key) turns the key in a cookie into an
// id. A backend that is draining or of weight 0 keeps its sessions and gets no new ones. A forged or outdated id is
// ignored. Select: wait-free and O(log members) with a session, else as the child's.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/policy/detail/composition.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
struct members_by_id {
  array<member> by_id;  // all members, also those that get no new work
};
struct session_state {
  bool asked = false;
};
}  // namespace detail

/// Sessions that stay on their backend. See the top of the header.
template <class P>
struct sticky : detail::composition_around<P, detail::members_by_id, detail::nothing_more, detail::session_state> {
  static constexpr std::string_view name = "sticky";
  using base = detail::composition_around<P, detail::members_by_id, detail::nothing_more, detail::session_state>;
  using table = typename base::table;

  explicit sticky(P policy) : base{std::move(policy)} {}

  table build(members_view members, table const* before = nullptr) const {
    table t = base::build(members, before);
    auto const all = members.all_members();
    t.by_id = detail::array<member>(all.size());
    bool is_sorted = true;
    for (std::size_t i = 0; i != all.size(); ++i) {
      t.by_id[i] = all[i];
      is_sorted = is_sorted && (i == 0 || all[i - 1].id < all[i].id);
    }
    if (!is_sorted) detail::sort(t.by_id, [](member const& a, member const& b) { return a.id < b.id; });
    return t;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, typename base::cursor& c, typename base::pick_state& s,
                                    pick const& k, key_of_policy<P> const& key) const noexcept {
    if (!s.asked) {
      s.asked = true;
      if (k.session()) [[unlikely]]
        if (member const* m = find(t, k.session())) {
          proposal p{m};
          p.mask = admission::same_session;
          return p;
        }
    }
    return this->next(t, c, s, k, key);
  }

 private:
  static member const* find(table const& t, backend_id id) noexcept {
    auto const at = detail::first_behind(t.by_id.size(), [&](std::size_t i) { return !(t.by_id[i].id < id); });
    return at != t.by_id.size() && t.by_id[at].id == id ? &t.by_id[at] : nullptr;
  }
};

template <class P>
explicit sticky(P) -> sticky<P>;
template <class P>
explicit sticky(sticky<P>) -> sticky<sticky<P>>;  // nests; without this it would copy

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
