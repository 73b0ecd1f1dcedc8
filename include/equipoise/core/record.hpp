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

class release_log;

// The part that does not depend on the backend's type.
struct record_base {
  std::string key;
  equipoise::labels labels;

  // These belong to the pool and are guarded by its mutex.
  std::uint64_t joined = 0, left = 0;  // the record is in the member lists numbered joined … left − 1
  std::uint64_t position = 0;          // orders the members of the newest list
  std::uint32_t weight = 1;            // the attributes, changes not yet published included
  std::uint16_t priority = 0, zone = 0;
  std::uint32_t assigned = 0;  // the number of the last assign() that listed it
  bool is_leaving = false;     // removed, published or not
  bool is_updated = false;     // in a change that is being made
  bool was_weighted = false;   // whether it has a weight in the newest list that was published

  // What leases read lies beside the backend. Fixed for the length of the membership, as are the key and the labels.
  observation* reports = nullptr;  // null unless the pool keeps observations
  release_log* releases = nullptr;
  backend_id id;
};

template <class B>
struct record : record_base {
  explicit record(B&& b) : value(std::move(b)) {}
  B const value;
  record* next_in_bucket = nullptr;  // in the index of keys
  owned<record> next;                // in the list of removed or of reclaimed records
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
