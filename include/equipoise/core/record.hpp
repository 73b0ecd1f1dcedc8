// What a pool keeps of one incarnation of a backend.
#pragma once

#include <equipoise/core/backend.hpp>
#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/observation.hpp>

#include <memory>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Made once for each incarnation of a backend and fixed while it lasts; `pool<B>` derives the one that holds the B.
struct record_base {
  backend_id id;
  std::string key;
  equipoise::labels labels;
  observation* line = nullptr;  // null unless the pool keeps observations
};

template <class B>
struct record : record_base {
  explicit record(B&& b) : value(std::move(b)) {}
  B const value;
  // The pool's bookkeeping, under its mutex.
  std::uint64_t joined = 0, left = 0;  // in the lists numbered joined … left − 1
  std::size_t index = 0;               // place in the newest list
  bool slot_freed = false;
  std::unique_ptr<record> next;  // leavers, or doomed
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
