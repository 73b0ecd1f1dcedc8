// A member as policies see it: no user type, no name look-ups, 24 bytes.
#pragma once

#include <equipoise/core/backend.hpp>
#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/record.hpp>

#include <span>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// One entry of a list of members: the identity, and the attributes as of that list.
struct member {
  detail::record_base const* record = nullptr;
  backend_id id;
  std::uint32_t weight = 1;
  std::uint16_t priority = 0;
  std::uint16_t zone = 0;  // the pool's number for the zone's name

  std::string_view key() const noexcept { return record->key; }

  // The first label of that name, or an empty text. O(labels).
  std::string_view label(std::string_view name) const noexcept {
    for (auto const& [n, value] : record->labels)
      if (n == name) return value;
    return {};
  }
};

static_assert(sizeof(member) == 24);

// What a policy builds its table from. Weights are never 0 here: such members are in no table.
class members_view : public std::span<member const> {
 public:
  members_view() = default;
  members_view(std::span<member const> these, std::span<member const> unhealthy, std::span<member const> all_members) noexcept
      : std::span<member const>{these}, unhealthy_{unhealthy}, all_members_{all_members} {}

  // Those left out because there was something against them. If nobody else may have a pick, they are asked once more (not
  // under a `finite` policy: it has nobody asked but whom it proposes).
  std::span<member const> unhealthy() const noexcept { return unhealthy_; }

  // Also those that get no new work (a bound session may still want them).
  std::span<member const> all_members() const noexcept { return all_members_; }

  // The same pool, fewer members: a composition's way to a child's table.
  members_view narrowed(std::span<member const> these, std::span<member const> unhealthy) const noexcept {
    return {these, unhealthy, all_members_};
  }

 private:
  std::span<member const> unhealthy_;
  std::span<member const> all_members_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
