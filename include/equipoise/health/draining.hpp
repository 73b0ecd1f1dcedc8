// SPDX-License-Identifier: MIT
// Taking a backend out without breaking its work: it gets nothing new, finishes what it has, and is then safe to stop.
//
//   equipoise::drains<server> drains{pool};
//   drains.begin(id, now + 60s);                       // an operator
//   for (auto const& d : drains.collect(now)) …         // a timer: each that is drained, or has come to its deadline
//
// It sets health_flag::draining, and clears it only if it is told to cancel. Long connections do not end by themselves:
// should_close() says which ones a host should end, and connection_age spreads the ends of those that are merely old.
#pragma once

#include <equipoise/core/pool/pool.hpp>
#include <equipoise/core/random_source.hpp>

#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A backend whose drain is over.
struct drained {
  backend_id id;
  std::uint32_t in_flight = 0;  ///< 0: all work has ended. Otherwise the deadline has come

  friend bool operator==(drained const&, drained const&) = default;
};

/// The drains of a pool's backends. See the top of the header. One thread at a time; it must not outlive its pool.
template <class B>
class drains {
 public:
  explicit drains(pool<B>& p) noexcept : pool_{p} {}
  drains(drains const&) = delete;
  drains& operator=(drains const&) = delete;

  /// Begins to drain a backend, or gives it another deadline. False if the id is not a member's. O(drains).
  bool begin(backend_id id, time_point deadline) {
    if (!pool_.set(id, health_flag::draining)) return false;
    for (auto& d : all_)
      if (d.id == id) return d.deadline = deadline, true;
    all_.push_back({id, deadline});
    return true;
  }

  /// Gives a backend its work back. False if it is not draining here. O(drains).
  bool cancel(backend_id id) noexcept {
    for (auto& d : all_)
      if (d.id == id) {
        pool_.clear(id, health_flag::draining);
        d = all_.back();
        all_.pop_back();
        return true;
      }
    return false;
  }

  /// Takes those out of the list that have no work in flight any more, that have come to their deadlines, or that were
  /// removed meanwhile; a removed one whose leases have ended counts as drained. They go on draining: remove them from
  /// the pool, or cancel the drain before. Allocates; O(drains).
  std::vector<drained> collect(time_point now) {
    std::vector<drained> over;
    std::size_t kept = 0;
    for (auto const& d : all_) {
      std::uint32_t const left = pool_.in_flight(d.id);
      if (left == 0 || now >= d.deadline)
        over.push_back({d.id, left});
      else
        all_[kept++] = d;
    }
    all_.resize(kept);
    return over;
  }

  /// How many are draining. Wait-free.
  std::size_t size() const noexcept { return all_.size(); }

 private:
  struct entry {
    backend_id id;
    time_point deadline;
  };

  pool<B>& pool_;
  std::vector<entry> all_;
};

/// Whether a long connection to a backend should be ended as soon as it carries no work: the backend drains, is in
/// maintenance or has left. Wait-free.
template <class B>
bool should_close(pool<B> const& p, backend_id id) noexcept {
  constexpr auto leaving = health_flag::draining | health_flag::maintenance | health_flag::removed;
  return (p.health(id) & leaving) != health_flag::none;
}

/// How long a connection may live. New backends get no work from connections that were there before them, so a host
/// ends connections of a certain age. Source: gRPC, MAX_CONNECTION_AGE (gRFC A9), which has the same jitter.
struct connection_age {
  std::chrono::nanoseconds most = std::chrono::minutes{30};  ///< more than 0
  double jitter = 0.1;                                       ///< each lives up to that part longer or shorter, 0 … 1

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (most.count() <= 0)
      fail("equipoise: connection_age::most " + std::to_string(most.count()) + " ns is not more than 0");
    if (!(jitter >= 0 && jitter <= 1))
      fail("equipoise: connection_age::jitter " + std::to_string(jitter) + " is not within 0 … 1");
  }

  /// When a connection should be ended, once it carries no work. The same number gives the same moment; numbers one
  /// after another give moments that are spread. O(1).
  time_point end(time_point opened, std::uint64_t connection) const noexcept {
    double const u = static_cast<double>(mix(connection + golden_gamma) >> 11) * 0x1p-53;
    double const factor = 1 + jitter * (2 * u - 1);
    auto const age = static_cast<double>(most.count()) * factor;
    return detail::later(opened, std::chrono::nanoseconds{age < 9e18 ? static_cast<std::int64_t>(age) : most.count()});
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
