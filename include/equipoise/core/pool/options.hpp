// How a pool is made, and what it tells whoever watches it.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/error.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// Who set or cleared what: told on the thread that made the change, after it counts, with no lock held. Events of two threads
// may arrive in either order: who keeps a state reads the word again. Of joining, leaving and weights the pool does not
// tell: those are the host's own calls. Nor when it was: it has no clock.
struct event {
  backend_id id;
  health_flag before, after;
};

struct pool_options {
  // Slots, 1 … 2^28; untouched ones cost nothing. Counted are also those that wait for leases to end, and, until a change is
  // over, those that leave in it: whoever replaces all members at once needs twice as many.
  std::uint32_t capacity = 65'536;
  std::uint32_t counter_stripes = 1;           // count rows, 1 … 1024: one is exact and cheap to read, one a worker is never contended
  bool observations = false;        // keep what leases report (64 bytes a backend)
  void (*observer)(void* context, event const&) noexcept = nullptr;  // called for each event, with `context`
  void* context = nullptr;
};

struct assign_options {
  bool keep_last_good = false;  // an empty list changes nothing: discovery that answers nothing is broken more often than right
};

namespace detail {
// Refuses what is out of range.
inline pool_options const& checked(pool_options const& o) {
  if (o.capacity == 0 || o.capacity > 1u << 28)
    fail("equipoise: pool_options::capacity " + std::to_string(o.capacity) + " is outside 1 … 268435456");
  if (o.counter_stripes == 0 || o.counter_stripes > 1024)
    fail("equipoise: pool_options::counter_stripes " + std::to_string(o.counter_stripes) + " is outside 1 … 1024");
  return o;
}
}  // namespace detail

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
