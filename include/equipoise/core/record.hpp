// SPDX-License-Identifier: MIT
// What a pool keeps of one membership of a backend.
#pragma once

#include <equipoise/core/backend.hpp>
#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/observation.hpp>
#include <equipoise/core/ownership.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// The part that does not depend on the backend's type. Fixed for the length of the membership.
struct record_base {
  backend_id id;
  std::string key;
  equipoise::labels labels;
  observation* reports = nullptr;  // null unless the pool keeps observations
};

template <class B>
struct record : record_base {
  explicit record(B&& b) : value(std::move(b)) {}
  B const value;
  // The rest belongs to the pool and is guarded by its mutex.
  std::uint64_t joined = 0, left = 0;  // the record is in the member lists numbered joined … left − 1
  std::size_t index = 0;               // its place in the newest list
  record* next_in_bucket = nullptr;    // in the index of keys
  bool slot_freed = false;
  owned<record> next;  // in the list of removed or of reclaimed records
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
