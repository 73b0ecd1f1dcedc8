// SPDX-License-Identifier: MIT
// nginx's round robin with failures, pick for pick: its effective weights, and the peers that failure_window keeps out.
//
//   equipoise::failure_window<server> window{pool, equipoise::compat::nginx_failure_presets()};
//   equipoise::balancer lb{pool, equipoise::compat::nginx_round_robin{window}};
//
// smooth_weighted_round_robin has the same order for members that never fail, and costs O(1). This policy is for those
// that want nginx's order after failures too: a failure lowers a member's effective weight by weight / max_fails, and
// each turn raises it by 1.
//
// Each worker has its own turns, as nginx's workers have without a zone. Select: lock-free, O(members).
//
// Source: ngx_http_upstream_round_robin.c of nginx 1.22.1.
#pragma once

#include <equipoise/core/policy/policy.hpp>
#include <equipoise/health/failure_window.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace compat {

/// nginx's `max_fails=1 fail_timeout=10s`.
inline failure_window_options nginx_failure_presets() {
  failure_window_options o;
  o.failures = 1;
  o.window = std::chrono::seconds{10};
  return o;
}

/// Smooth weighted round robin over the members that may have the work, with effective weights. See the top of the
/// header. It must not outlive its failure_window. A picker takes 32 bytes for each slot of the pool.
template <class B>
struct nginx_round_robin {
  static constexpr std::string_view name = "nginx_round_robin";
  static constexpr bool finite = true;  // the members that are open are all there are
  static constexpr std::uint32_t tries = 1;

  /// The policy of the pool that `w` watches.
  explicit nginx_round_robin(failure_window<B>& w) noexcept : window{&w} {}

  struct table {};
  struct turns_of_member {
    std::uint32_t tag = 0;  // of the membership
    std::uint32_t failures = 0;
    std::int64_t current = 0, effective = 0;
  };
  struct cursor {
    std::vector<turns_of_member> by_slot;
  };

  bool includes_unhealthy() const noexcept { return true; }
  table build(members_view) const { return {}; }
  cursor make_cursor() const { return {std::vector<turns_of_member>(window->slots())}; }

  proposal propose(table const&, cursor& c, pick const& k) const noexcept {
    member const* best = nullptr;
    turns_of_member* best_turns = nullptr;
    std::int64_t total = 0;
    for (member const& m : k.members) {
      if (!k.admits(m)) continue;
      turns_of_member& t = turns_of(m, c);
      t.current += t.effective;
      total += t.effective;
      if (t.effective < std::int64_t{m.weight}) ++t.effective;
      k.compared(m, "current", static_cast<double>(t.current));
      if (best == nullptr || t.current > best_turns->current) best = &m, best_turns = &t;
    }
    if (best == nullptr) return proposal::none(pick_error::all_down);
    best_turns->current -= total;
    return best;
  }

 private:
  // With the failures since the member's last turn. The effective weight counts in turns only, so late is not too late.
  turns_of_member& turns_of(member const& m, cursor& c) const noexcept {
    turns_of_member& t = c.by_slot[m.id.slot];
    auto const seen = window->history_of(m.id);
    if (t.tag != m.id.tag) t = {m.id.tag, seen.failures, 0, m.weight};
    std::int64_t const failed = static_cast<std::uint32_t>(seen.failures - t.failures);
    t.failures = seen.failures;
    if (failed != 0 && seen.limit != 0) t.effective -= std::min(t.effective, failed * (m.weight / seen.limit));
    if (t.effective > std::int64_t{m.weight}) t.effective = m.weight;  // the weight was lowered
    return t;
  }

  failure_window<B>* window;
};

}  // namespace compat
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
