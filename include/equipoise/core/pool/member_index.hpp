// SPDX-License-Identifier: MIT
// The members of a pool by key and by slot, and the numbers of its zones. Guarded by the pool's mutex.
#pragma once

#include <equipoise/core/key_index.hpp>
#include <equipoise/core/pool/member_lists.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
struct member_index {
  explicit member_index(std::uint32_t slot_count) : slots{slot_count}, by_slot{slot_count} {}

  std::uint32_t slots;  // the number of slots that exist
  key_index<record<B>> by_key;
  records_by_slot<record<B>> by_slot;
  std::uint32_t assigns = 0;        // counts calls of assign()
  std::uint64_t last_position = 0;  // of a record
  std::vector<std::string> zones = std::vector<std::string>(1);

  // The member of that id, or null if there is none.
  record<B>* find(backend_id id) const noexcept {
    record<B>* const r = id && id.slot < slots ? by_slot[id.slot] : nullptr;
    return r != nullptr && r->id == id ? r : nullptr;
  }

  // The id of the member with that key; a false id if there is none.
  backend_id id_of(std::string_view key) const noexcept {
    record<B> const* const r = by_key.find(key);
    return r != nullptr ? r->id : backend_id{};
  }

  attributes attributes_of(record_base const& r) const { return {r.weight, r.priority, zones[r.zone]}; }

  // The number of a zone. A new name gets the next number. Fails if there are more names than numbers. O(zones).
  std::uint16_t zone_number(std::string const& name, std::string_view key) {
    std::size_t i = 0;
    while (i != zones.size() && zones[i] != name) ++i;
    if (i > 0xFFFF)
      fail("equipoise: zone '" + name + "' of backend '" + std::string{key} +
           "' is one more than the 65536 of a pool's life");
    if (i == zones.size()) zones.push_back(name);
    return static_cast<std::uint16_t>(i);
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
