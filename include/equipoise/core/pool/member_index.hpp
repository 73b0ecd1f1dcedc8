// SPDX-License-Identifier: MIT
// The members of a pool by key and by slot, the numbers of its zones, and the attributes that an operator has
// overridden.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/core/key_index.hpp>
#include <equipoise/core/platform.hpp>
#include <equipoise/core/pool/member_lists.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Attributes as records hold them.
struct attribute_numbers {
  std::uint32_t weight = 1;
  std::uint16_t priority = 0, zone = 0;
  friend bool operator==(attribute_numbers const&, attribute_numbers const&) = default;
};

// The attributes of one member that were overridden, and what its list says.
struct attribute_override {
  backend_id id;
  attribute_numbers listed, own;
  bool has_weight = false, has_priority = false, has_zone = false;

  attribute_numbers effective() const noexcept {
    return {has_weight ? own.weight : listed.weight, has_priority ? own.priority : listed.priority,
            has_zone ? own.zone : listed.zone};
  }
};

// Guarded by the pool's mutex. What look-ups read is changed under a second one, which is only held for a moment, so
// that they do not wait while tables are built.
template <class B>
struct member_index {
  explicit member_index(std::uint32_t slot_count) : slots{slot_count}, by_slot{slot_count} {}

  std::uint32_t slots;                          // the number of slots that exist
  key_index<record<B>> by_key;                  // those that are published; look-ups read it
  std::atomic<std::size_t> published_count{0};  // how many these are
  records_by_slot<record<B>> by_slot;
  std::uint32_t assigns = 0;                                     // counts calls of assign()
  std::uint64_t last_position = 0;                               // of a record
  std::vector<std::string> zones = std::vector<std::string>(1);  // look-ups read it
  std::vector<attribute_override> overrides;                     // ordered by slot
  mutable std::mutex look_up_mutex;

  // The member of that id, or null if there is none.
  record<B>* find(backend_id id) const noexcept {
    record<B>* const r = id && id.slot < slots ? by_slot[id.slot] : nullptr;
    return r != nullptr && r->id == id ? r : nullptr;
  }

  // These wait for nothing but the second mutex. O(1).
  backend_id published_id(std::string_view key) const {
    std::lock_guard const lock{look_up_mutex};
    record<B> const* const r = by_key.find(key);
    return r != nullptr ? r->id : backend_id{};
  }
  std::string zone_name(std::uint16_t zone) const {
    std::lock_guard const lock{look_up_mutex};
    return zone < zones.size() ? zones[zone] : std::string{};
  }

  attributes attributes_of(attribute_numbers const& n) const { return {n.weight, n.priority, zones[n.zone]}; }

  // The number of a zone; `none` for a new name if there are as many names as numbers. A new name gets the next number.
  // O(zones).
  static constexpr std::uint16_t none = 0x8000;
  std::uint16_t zone_number(std::string_view name) {
    std::size_t i = 0;
    while (i != zones.size() && zones[i] != name) ++i;
    if (i == none || i != zones.size()) return static_cast<std::uint16_t>(i);
    std::lock_guard const lock{look_up_mutex};
    zones.emplace_back(name);
    return static_cast<std::uint16_t>(i);
  }

  // Where the override of a slot is or belongs. O(log overrides).
  std::size_t override_index(std::uint32_t slot) const noexcept {
    return first_behind(overrides.size(), [&](std::size_t i) { return overrides[i].id.slot >= slot; });
  }
  // That of a member that has one.
  attribute_override& override_of(record_base const& r) noexcept { return overrides[override_index(r.id.slot)]; }
  attribute_override const& override_of(record_base const& r) const noexcept {
    return overrides[override_index(r.id.slot)];
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
