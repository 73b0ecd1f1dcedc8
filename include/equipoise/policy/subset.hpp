// SPDX-License-Identifier: MIT
// Subset: only members with certain labels get the work. The child has a table of these alone.
//
//   equipoise::labels labels_of(server const& s) { return {{"version", s.version}, {"stage", s.stage}}; }
//   equipoise::balancer lb{pool, equipoise::subset{"version=2", equipoise::maglev{}, equipoise::subset_fallback::any}};
//
// The text names the labels: "version=2,stage=prod". A name without '=' is a label that has any value; an empty value
// is as no label. Spaces around names and values do not count, and an empty text is every member. If no member of the
// pool has the labels, the fallback decides; a subset whose members are all down is still a subset. Select: as the
// child's. Source: Envoy's load balancer subsets.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/policy/detail/composition.hpp>
#include <equipoise/policy/detail/label_text.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What gets the work if no member has the labels of a subset.
enum class subset_fallback : std::uint8_t {
  none,            ///< no member: `refused`
  any,             ///< every member
  default_subset,  ///< the members with the default labels; no member if none has these either
};

namespace detail {

inline bool has_labels(member const& m, std::string_view labels) {
  return each_label(labels, [&](std::string_view name, std::string_view value, bool has_value) {
    std::string_view const own = m.label(name);
    return has_value ? own == value : !own.empty();
  });
}

struct members_of_subset {
  array<member> members;  // the healthy ones first
  array<member> others;   // for explain()
};
}  // namespace detail

/// The members with certain labels. See the top of the header.
template <class P>
struct subset : detail::composition_around<P, detail::members_of_subset> {
  static constexpr std::string_view name = "subset";
  using base = detail::composition_around<P, detail::members_of_subset>;
  using driver = typename base::driver;
  using table = typename base::table;

  std::string const labels;
  subset_fallback const fallback;
  std::string const default_labels;  ///< those of the default subset

  static constexpr std::string_view fallbacks[] = {"none", "any", "default_subset"};
  static constexpr parameter parameters[] = {
      {.name = "labels", .member = parameter_of<&subset::labels>},
      {.name = "fallback", .member = parameter_of<&subset::fallback>, .most = 2, .words = fallbacks},
      {.name = "default_labels", .member = parameter_of<&subset::default_labels>, .optional = true}};

  /// The fallback is a choice that has no preset.
  subset(std::string wanted_labels, P policy, subset_fallback without_any, std::string labels_then = {})
      : base{std::move(policy)}, labels{std::move(wanted_labels)}, fallback{without_any},
        default_labels{std::move(labels_then)} {
    parameters[1].check(name, static_cast<int>(fallback));
  }

  table build(members_view members, table const* before = nullptr) const {
    table t;
    divide(members, labels, t);
    if (t.members.empty() && fallback == subset_fallback::any) divide(members, {}, t);
    if (t.members.empty() && fallback == subset_fallback::default_subset) divide(members, default_labels, t);
    std::size_t healthy = 0;
    for (member const& m : members) healthy += healthy < t.members.size() && t.members[healthy].id == m.id;
    t.child =
        driver::build(this->child, members.narrowed(t.members, healthy), before != nullptr ? &before->child : nullptr);
    return t;
  }

  EQUIPOISE_INLINE proposal propose(table const& t, typename base::cursor& c, typename base::pick_state& s,
                                    pick const& k, key_of_policy<P> const& key) const noexcept {
    if (k.is_explained()) [[unlikely]]
      k.set_aside(t.others, "not in the subset");
    proposal const p = driver::next(this->child, t.child, c.child, s.child, k.over(t.child.members), key);
    if (p.candidate == nullptr && t.members.empty()) [[unlikely]]
      return none(t, k);
    return p;
  }

 private:
  // Divides the members into those that have the labels, and the others.
  static void divide(members_view members, std::string_view wanted, table& t) {
    auto const all = members.with_unhealthy();
    t.members = detail::array<member>::with_room(all.size());
    t.others = detail::array<member>::with_room(all.size());
    for (member const& m : all) (detail::has_labels(m, wanted) ? t.members : t.others).append(m);
  }

  EQUIPOISE_OUT_OF_LINE static proposal none(table const& t, pick k) noexcept {
    if (t.others.empty()) return nullptr;  // there are no members
    k.refused("no backend has the labels of the subset");
    return proposal::none(pick_error::refused);
  }
};

template <class P>
subset(std::string, P, subset_fallback) -> subset<P>;
template <class P>
subset(std::string, P, subset_fallback, std::string) -> subset<P>;

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
