// SPDX-License-Identifier: MIT
// Explanations and the state of a pool as JSON, with nlohmann's library.
//
//   std::cout << equipoise::json_text(picker.explain());
//   nlohmann::ordered_json const state = equipoise::metrics(pool);
#pragma once

#include <equipoise/core/pick/explanation.hpp>
#include <equipoise/core/pool/pool.hpp>
#include <equipoise/metrics/backend_metrics.hpp>

#include <nlohmann/json.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
// A whole number without a decimal point. JSON has no infinity and no NaN: they become null.
inline nlohmann::ordered_json json_number(explanation::number const& n) {
  if (n.is_whole()) return static_cast<std::int64_t>(n.value);
  return n.value;
}
}  // namespace detail

/// {"choice": key or null, "error", "detail", "notes", "policy", "key", "rows": [{"id", "key", "verdict",
/// "had_its_turn", "numbers": {name: value}}], "more": n}. Found by nlohmann's library: `nlohmann::ordered_json j =
/// picker.explain();`
inline void to_json(nlohmann::ordered_json& j, explanation const& e) {
  nlohmann::ordered_json choice, rows = nlohmann::ordered_json::array();
  for (auto const& r : e.rows) {
    if (r.verdict == "chosen") choice = r.key;
    auto numbers = nlohmann::ordered_json::object();
    for (auto const& n : r.numbers) numbers[n.name] = detail::json_number(n);
    rows.push_back({{"id", to_string(r.id)},
                    {"key", r.key},
                    {"verdict", r.verdict},
                    {"had_its_turn", r.had_its_turn},
                    {"numbers", std::move(numbers)}});
  }
  j = {{"choice", std::move(choice)}, {"error", to_string(e.error)},
       {"detail", e.detail},          {"notes", e.notes},
       {"policy", e.policy},          {"key", e.key},
       {"rows", std::move(rows)},     {"more", e.more}};
}

/// {"key", "id", "health", "weight", "priority", "zone", "in_flight", "outcomes": {name: n}, "ejections", "downs",
/// "latency": {"count", "sum", "p50", "p90", "p99", "p999"}}. Latencies are in nanoseconds.
inline void to_json(nlohmann::ordered_json& j, backend_row const& r) {
  nlohmann::ordered_json outcomes;
  for (std::size_t i = 0; i != backend_row::outcomes; ++i)
    outcomes[std::string{to_string(static_cast<outcome>(i))}] = r.ended[i];
  j = {{"key", r.key},
       {"id", to_string(r.id)},
       {"health", to_string(r.health)},
       {"weight", r.attrs.weight},
       {"priority", r.attrs.priority},
       {"zone", r.attrs.zone},
       {"in_flight", r.in_flight},
       {"outcomes", std::move(outcomes)},
       {"ejections", r.ejections},
       {"downs", r.downs},
       {"latency",
        {{"count", r.latencies},
         {"sum", r.latency_sum.count()},
         {"p50", r.p50.count()},
         {"p90", r.p90.count()},
         {"p99", r.p99.count()},
         {"p999", r.p999.count()}}}};
}

/// JSON as text on one line. Bytes that are not UTF-8, which a key may contain, become U+FFFD.
inline std::string json_text(nlohmann::ordered_json const& j) {
  return j.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// The state of a pool: {"members", "stale_reports", "waiting": {…}, "backends": [{"key", "id", "health", "weight",
/// "priority", "zone", "in_flight", "observed": {…} or null}]}. Latencies are in nanoseconds. Blocking; O(members).
template <class B>
nlohmann::ordered_json metrics(pool<B> const& p) {
  auto backends = nlohmann::ordered_json::array();
  p.for_each([&](backend_id id, B const& b, attributes const& a, health_flag flags) {
    nlohmann::ordered_json observed;
    if (observation const* o = p.observed(id))
      observed = {{"ok", o->ok.load()},
                  {"failed", o->failed.load()},
                  {"latency", o->latency.load()},
                  {"measured", o->measured.load()},
                  {"consecutive_failures", o->consecutive_failures.load()}};
    backends.push_back({{"key", detail::key_text(b)},
                        {"id", to_string(id)},
                        {"health", to_string(flags)},
                        {"weight", a.weight},
                        {"priority", a.priority},
                        {"zone", a.zone},
                        {"in_flight", p.in_flight(id)},
                        {"observed", std::move(observed)}});
  });
  auto const w = p.waiting();
  return {{"members", backends.size()},
          {"stale_reports", p.stale_reports()},
          {"waiting", {{"snapshots", w.snapshots}, {"lists", w.lists}, {"records", w.records}, {"slots", w.slots}}},
          {"backends", std::move(backends)}};
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
