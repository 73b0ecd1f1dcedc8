// Who is who in a pool: its records by key and by slot, and the numbers of its zones. Under the pool's mutex.
#pragma once

#include <equipoise/core/record.hpp>

#include <equipoise/core/zeroed_array.hpp>

#include <algorithm>
#include <unordered_map>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

template <class B>
struct member_index {
  explicit member_index(std::uint32_t slots) : size{slots}, by_slot{slots} {}

  std::uint32_t size;  // slots that there are
  std::unordered_map<std::string_view, record<B>*> by_key;  // views of the records' own keys
  zeroed_array<record<B>*> by_slot;
  std::vector<std::string> zones{""};

  // The member of that id, or null for one that is none's.
  record<B>* find(backend_id id) const noexcept {
    record<B>* const r = id && id.slot < size ? by_slot[id.slot] : nullptr;
    return r != nullptr && r->id == id ? r : nullptr;
  }

  // The zone's number; a name not seen before gets the next one. Refused: more of them than numbers.
  std::uint16_t zone_number(std::string const& name, std::string const& key) {
    auto const at = static_cast<std::size_t>(std::find(zones.begin(), zones.end(), name) - zones.begin());
    if (at > 0xFFFF)
      fail("equipoise: zone '" + name + "' of backend '" + key + "' is one more than the 65536 of a pool's life");
    if (at == zones.size()) zones.push_back(name);
    return static_cast<std::uint16_t>(at);
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
