// SPDX-License-Identifier: MIT
// A member as policies see it: 24 bytes, without the user's type and without look-ups of names.
#pragma once

#include <equipoise/core/array_view.hpp>
#include <equipoise/core/record.hpp>
#include <equipoise/core/registry/state_table.hpp>

#include <cassert>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// One entry of a list of members: an identity, and the attributes as of that list.
struct member {
  detail::record_base const* record = nullptr;
  backend_id id;
  std::uint32_t weight = 1;
  std::uint16_t priority = 0;
  std::uint16_t zone : 15 = 0;  ///< the pool's number for the zone; pool::zone_name() gives its name
  std::uint16_t phase : 1 = 0;  ///< the pool's own: which of its two counters counts the leases on this object

  /// The backend's key.
  std::string_view key() const noexcept { return record->key; }

  /// The backend itself, for a policy that knows the type of its pool's backends. B must be that type; a build with
  /// assertions stops if it is not.
  template <class B>
  B const& as() const noexcept {
    assert(record->states->template holds<B>() && "equipoise: member::as<B>() with another type than the pool's");
    return static_cast<detail::record<B> const*>(record)->value;
  }

  /// The value of the first label of that name, or an empty text. O(labels). (A template, so that only programs that
  /// ask for it compile it.)
  template <class = void>
  std::string_view label(std::string_view name) const noexcept {
    if (record->labels != nullptr)
      for (auto const& [n, value] : *record->labels)
        if (n == name) return value;
    return {};
  }
};

static_assert(sizeof(member) == 24);

/// The members that a policy builds its table from. All weights are positive: members of weight 0 are left out.
///
/// A view is the range of the members to propose. For policies without a key these were healthy when the view was made,
/// and the unhealthy ones follow them in memory.
class members_view : public array_view<member const> {
 public:
  members_view() = default;
  /// The first `proposed` of `these`, followed by the unhealthy ones.
  members_view(array_view<member const> these, std::size_t proposed, array_view<member const> all,
               std::vector<std::string> const* zones = nullptr) noexcept
      : array_view{these.data(), proposed}, unhealthy_{these.size() - proposed}, all_{all}, zones_{zones} {}

  /// The members that were left out because they were unhealthy. They are tried after all others, since they may have
  /// recovered.
  array_view<member const> unhealthy() const noexcept { return {end(), unhealthy_}; }

  /// The members of the view followed by the unhealthy ones.
  array_view<member const> with_unhealthy() const noexcept { return {begin(), size() + unhealthy_}; }

  /// Every member of the pool, also those of weight 0: a bound session may still want them.
  array_view<member const> all_members() const noexcept { return all_; }

  /// A view of other members of the same pool, as a composition makes it for its child: `proposed` of `these`, followed
  /// by the unhealthy ones.
  members_view narrowed(array_view<member const> these, std::size_t proposed) const noexcept {
    members_view v{these, proposed, all_, zones_};
    v.refusal_ = refusal_;
    return v;
  }

  /// Says, in one sentence, why a policy's build cannot use these members. The change that brought them is refused with
  /// it and has changed nothing; the table that the build returns is thrown away. Only while the table is being built.
  void refuse(std::string sentence) const {
    if (sentence.empty()) sentence = "equipoise: a policy refuses the members, and does not say why";
    if (refusal_ == nullptr) fail(sentence);  // no build is under way
    if (refusal_->empty()) *refusal_ = std::move(sentence);
  }

  // The same view for a build that may refuse, and without what holds during the build only.
  members_view refusing(std::string& refusal) const noexcept {
    members_view v{*this};
    v.refusal_ = &refusal;
    return v;
  }
  members_view built() const noexcept {
    members_view v{*this};
    v.zones_ = nullptr, v.refusal_ = nullptr;
    return v;
  }

  /// The name of a member's zone; empty if it has none. Only while the table is being built. (A template, so that only
  /// programs that ask for it compile it.)
  template <class = void>
  std::string_view zone_name(member const& m) const noexcept {
    return zones_ != nullptr && m.zone < zones_->size() ? std::string_view{(*zones_)[m.zone]} : std::string_view{};
  }

 private:
  std::size_t unhealthy_ = 0;
  array_view<member const> all_;
  std::vector<std::string> const* zones_ = nullptr;
  std::string* refusal_ = nullptr;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

/// @cond
template <>
inline constexpr bool std::ranges::enable_borrowed_range<equipoise::members_view> = true;
/// @endcond
