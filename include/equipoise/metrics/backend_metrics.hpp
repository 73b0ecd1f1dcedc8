// SPDX-License-Identifier: MIT
// What an operator wants to know of each backend: its state, its load, how its work ended, how long it took, and how
// often it was taken out.
//
//   equipoise::backend_metrics<server> metrics{pool};
//   metrics.report(lease.id(), equipoise::outcome::ok, now - lease.start());   // a worker, for each piece of work
//   metrics.count(event);                                                     // the pool's observer
//   for (auto const& row : metrics.rows()) …                                  // or as Prometheus text, or as JSON
#pragma once

#include <equipoise/health/detail/ejections.hpp>
#include <equipoise/metrics/latency_histogram.hpp>

#include <string>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The numbers of one backend, since it joined or since the metrics were made.
struct backend_row {
  std::string key;
  backend_id id;
  health_flag health = health_flag::none;
  attributes attrs;
  std::uint32_t in_flight = 0;
  static constexpr std::size_t outcomes = 6;
  std::uint64_t ended[outcomes]{};  ///< reports by outcome
  std::uint64_t ejections = 0;      ///< how often `ejected` was set
  std::uint64_t downs = 0;          ///< how often `down` was set
  std::chrono::nanoseconds latency_sum{};
  std::uint64_t latencies = 0;                             ///< how many were reported
  std::chrono::nanoseconds p50{}, p90{}, p99{}, p999{};    ///< to within a sixteenth
  static constexpr int first_power = 17, last_power = 35;  ///< 131 µs … 34 s
  /// How many latencies were below 2^first_power, … 2^last_power nanoseconds.
  std::uint64_t below[last_power - first_power + 1]{};

  /// All reports together.
  std::uint64_t reports() const noexcept {
    std::uint64_t n = 0;
    for (auto const e : ended) n += e;
    return n;
  }
};

/// Counts for each backend of a pool. See the top of the header. It must not outlive its pool.
template <class B>
class backend_metrics {
 public:
  /// Fails if there is no memory: 2 kB for each slot that is used.
  explicit backend_metrics(pool<B>& p) : pool_{p}, numbers_{p} {}
  backend_metrics(backend_metrics const&) = delete;
  backend_metrics& operator=(backend_metrics const&) = delete;

  /// Reports how a piece of work ended. A latency of 0 or less is not counted: it was not measured. A report about a
  /// backend that is no member is dropped, at the latest once its slot has another member. Lock-free, from any thread;
  /// allocates nothing.
  void report(backend_id id, outcome how, std::chrono::nanoseconds latency = {}) noexcept {
    auto const kind = static_cast<std::size_t>(how);
    numbers* const n = kind < backend_row::outcomes ? numbers_.find(id) : nullptr;
    if (n == nullptr) return detail::add_one(dropped_);
    detail::add_one(n->ended[kind]);
    if (latency.count() > 0) n->latency.record(latency);
  }

  /// Counts an event of the pool. Lock-free, from any thread; allocates nothing.
  void count(event const& e) noexcept {
    health_flag const begun = without(e.after, e.before);
    numbers* const n = begun != health_flag::none ? numbers_.find(e.id) : nullptr;
    if (n == nullptr) return;
    if ((begun & health_flag::ejected) != health_flag::none) detail::add_one(n->ejections);
    if ((begun & health_flag::down) != health_flag::none) detail::add_one(n->downs);
  }

  /// The reports that were dropped. Wait-free.
  std::uint64_t dropped() const noexcept { return dropped_.load(detail::relaxed); }

  /// The numbers of all members, in their order. Blocking (the pool's mutex); allocates; O(members).
  std::vector<backend_row> rows() {
    std::vector<backend_row> all;
    all.reserve(pool_.size());
    pool_.for_each([&](backend_id id, B const& b, attributes const& a, health_flag flags) {
      backend_row row;
      row.key = detail::key_text(b);
      row.id = id, row.health = flags, row.attrs = a, row.in_flight = pool_.in_flight(id);
      if (numbers const* const n = numbers_.known(id)) fill(row, *n);
      all.push_back(std::move(row));
    });
    return all;
  }

 private:
  struct numbers : detail::numbers_of_member {
    std::atomic<std::uint64_t> ended[backend_row::outcomes];
    std::atomic<std::uint64_t> ejections, downs;
    latency_histogram latency;

    void begin() noexcept {
      for (auto& e : ended) e.store(0, detail::relaxed);
      ejections.store(0, detail::relaxed);
      downs.store(0, detail::relaxed);
      latency.reset();
    }
  };

  static void fill(backend_row& row, numbers const& n) {
    for (std::size_t i = 0; i != backend_row::outcomes; ++i) row.ended[i] = n.ended[i].load(detail::relaxed);
    row.ejections = n.ejections.load(detail::relaxed);
    row.downs = n.downs.load(detail::relaxed);
    row.latency_sum = n.latency.sum();
    row.latencies = n.latency.count();
    row.p50 = n.latency.quantile(0.5), row.p90 = n.latency.quantile(0.9);
    row.p99 = n.latency.quantile(0.99), row.p999 = n.latency.quantile(0.999);
    for (int power = row.first_power; power <= row.last_power; ++power)
      row.below[power - row.first_power] = n.latency.count_below(power);
  }

  pool<B>& pool_;
  detail::numbers_by_slot<pool<B>, numbers> numbers_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
