// What an application says of one pick.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/clock.hpp>

#include <span>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// What the host says of one pick.
struct pick_options {
  time_point now = {};                           // the lease's start; load-aware policies' time
  std::span<backend_id const> excluded = {};  // retries: not these again
  backend_id session = {};                 // where this client's session lives
  admission mask = admission::new_work;    // which reasons count
};

namespace detail {

// The default, in one place: a constant that is read, not an object that each pick would have to write.
inline constexpr pick_options plain_pick{};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
