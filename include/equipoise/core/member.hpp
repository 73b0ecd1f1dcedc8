// SPDX-License-Identifier: MIT
// A member as policies see it: 24 bytes, without the user's type and without look-ups of names.
#pragma once

#include <equipoise/core/record.hpp>

#include <span>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// One entry of a list of members: an identity, and the attributes as of that list.
struct member {
  detail::record_base const* record = nullptr;
  backend_id id;
  std::uint32_t weight = 1;
  std::uint16_t priority = 0;
  std::uint16_t zone = 0;  ///< the pool's number for the zone; pool::zone_name() gives its name

  /// The backend's key.
  std::string_view key() const noexcept { return record->key; }

  /// The value of the first label of that name, or an empty text. O(labels).
  std::string_view label(std::string_view name) const noexcept {
    for (auto const& [n, value] : record->labels)
      if (n == name) return value;
    return {};
  }
};

static_assert(sizeof(member) == 24);

/// The members that a policy builds its table from. All weights are positive: members of weight 0 are left out.
///
/// A view is a span of the members to propose. For policies without a key these were healthy when the view was made,
/// and the unhealthy ones follow them in memory.
class members_view : public std::span<member const> {
 public:
  members_view() = default;
  /// The first `proposed` of `these`, followed by the unhealthy ones.
  members_view(std::span<member const> these, std::size_t proposed, std::span<member const> all) noexcept
      : std::span<member const>{these.first(proposed)}, unhealthy_{static_cast<std::uint32_t>(these.size() - proposed)},
        all_{all} {}

  /// The members that were left out because they were unhealthy. They are tried after all others, since they may have
  /// recovered.
  std::span<member const> unhealthy() const noexcept { return {data() + size(), unhealthy_}; }

  /// The members of the view followed by the unhealthy ones.
  std::span<member const> with_unhealthy() const noexcept { return {data(), size() + unhealthy_}; }

  /// Every member of the pool, also those of weight 0: a bound session may still want them.
  std::span<member const> all_members() const noexcept { return all_; }

  /// A view of other members of the same pool, as a composition makes it for its child: `proposed` of `these`, followed
  /// by the unhealthy ones.
  members_view narrowed(std::span<member const> these, std::size_t proposed) const noexcept {
    return {these, proposed, all_};
  }

 private:
  std::uint32_t unhealthy_ = 0;
  std::span<member const> all_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
