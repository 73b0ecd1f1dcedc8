// SPDX-License-Identifier: MIT
// What a pool keeps of one object of a backend: a membership has one at a time, and an id, health and counts for as
// long as it lasts.
#pragma once

#include <equipoise/core/backend.hpp>
#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/ownership.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

class state_table;

// The part that does not depend on the backend's type.
struct record_base {
  std::string_view key;
  owned<equipoise::labels> labels;  // null if there are none

  // These belong to the pool and are guarded by its mutex. The record is in the lists numbered joined … left − 1. It
  // leaves if its backend is removed, or if another object replaces it.
  std::uint64_t joined = 0;
  union {
    std::uint64_t position = 0;  // of a member: orders the newest list
    std::uint64_t left;          // of one that has left
  };
  std::uint32_t weight = 1;  // the attributes, changes not yet published included
  std::uint16_t priority = 0, zone = 0;
  std::uint32_t assigned = 0;       // the number of the last assign() that listed it
  bool is_leaving : 1 = false;      // published or not
  bool is_updated : 1 = false;      // in a change that is being made
  bool is_replacement : 1 = false;  // of another object, in a change that is being made
  bool was_weighted : 1 = false;    // whether it has a weight in the newest list that was published
  bool is_overridden : 1 = false;   // whether its attributes may differ from those that were listed
  std::uint8_t phase : 1 = 0;       // which of the two counters of its slot counts its leases
  std::uint16_t joins_with = 0;     // the flags that its assign() wants against it, beside the pool's

  // What leases read lies beside the backend. Fixed, as are the key and the labels.
  state_table const* states = nullptr;
  backend_id id;
};

template <class B>
struct record : record_base {
  // The key is `text`: the backend's own if that lies inside the object, which is constant, else a copy.
  record(B&& b, std::string_view text) : value(std::move(b)) {
    if constexpr (!std::same_as<decltype(detail::labels_from(value)), not_given>) {
      equipoise::labels all = detail::labels_from(value);
      if (!all.empty()) labels.reset(new equipoise::labels(std::move(all)));
    }
    auto&& given = detail::key_from(value);
    std::string_view const own = detail::view_of(given);
    key = is_inside(own) && own == text ? own : copy_of(text);
  }
  record(record const&) = delete;
  record& operator=(record const&) = delete;
  ~record() {
    if (!is_inside(key)) delete[] key.data();
  }

  // From here on it is in the lists of records that have left, no longer in the index.
  void leave_index() noexcept { ::new (static_cast<void*>(&next)) owned<record>; }

  B const value;
  union {
    record* next_in_bucket = nullptr;  // of a member: in the index of keys
    owned<record> next;                // of one that has left: in the list of these or of reclaimed records
  };

 private:
  bool is_inside(std::string_view text) const noexcept {
    auto const first = reinterpret_cast<std::uintptr_t>(text.data());
    auto const object = reinterpret_cast<std::uintptr_t>(&value);
    return object <= first && first + text.size() <= object + sizeof(B);
  }
  static std::string_view copy_of(std::string_view text) {
    auto* const copy = new char[text.size()];
    text.copy(copy, text.size());
    return {copy, text.size()};
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
