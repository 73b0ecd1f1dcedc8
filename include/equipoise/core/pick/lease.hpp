// SPDX-License-Identifier: MIT
// What a pick returns: a choice (the decision alone), or a lease (the work counts until the lease ends).
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/outcome.hpp>
#include <equipoise/core/pick_error.hpp>
#include <equipoise/core/record.hpp>
#include <equipoise/core/registry/state_table.hpp>

#include <bit>
#include <cassert>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The decision of a select(): a backend, or the reason why there is none. Good until the next call of the same picker.
/// All functions are wait-free.
template <class B>
class choice {
 public:
  choice() = default;
  explicit choice(detail::record<B> const* r) noexcept : record_{r}, error_{pick_error::none} {}
  explicit choice(pick_error error) noexcept : error_{error} {}

  /// Whether there is a backend.
  explicit operator bool() const noexcept { return record_ != nullptr; }
  /// The backend. There must be one: test the choice first.
  B const& operator*() const noexcept { return *operator->(); }
  B const* operator->() const noexcept {
    assert(record_ != nullptr && "equipoise: a choice without a backend: test it first, error() says why");
    return &record_->value;
  }
  /// The backend's id; a false id if there is none.
  backend_id id() const noexcept { return record_ != nullptr ? record_->id : backend_id{}; }
  /// Why there is no backend; pick_error::none if there is one.
  pick_error error() const noexcept { return error_; }

 private:
  detail::record<B> const* record_ = nullptr;
  pick_error error_ = pick_error::empty;
};

/// One piece of work in flight on a backend, or the reason why there is none. Move-only.
///
/// Leases end once, in any order, on any thread. A lease needs only the pool: it may outlive the picker, the snapshot
/// and the backend's membership, and the backend object stays until it ends. 24 bytes. All functions are wait-free.
template <class B>
class [[nodiscard]] lease {
 public:
  lease() = default;
  explicit lease(pick_error error) noexcept : start_{std::chrono::nanoseconds{static_cast<int>(error)}} {}
  lease(detail::state_table::count& count, detail::record<B> const* r, time_point start) noexcept
      : count_or_id_{&count}, record_{r}, start_{start} {}
  lease(lease&& other) noexcept
      : count_or_id_{std::exchange(other.count_or_id_, in_place_of_count())},
        record_{std::exchange(other.record_, nullptr)}, start_{std::exchange(other.start_, {})} {}
  lease& operator=(lease&& other) noexcept {
    if (this != &other) {
      give();
      count_or_id_ = std::exchange(other.count_or_id_, in_place_of_count());
      record_ = std::exchange(other.record_, nullptr);
      start_ = std::exchange(other.start_, {});
    }
    return *this;
  }
  ~lease() { give(); }

  /// Whether a backend is held.
  explicit operator bool() const noexcept { return record_ != nullptr; }
  /// The backend. The lease must hold one: test it first.
  B const& operator*() const& noexcept { return *operator->(); }
  B const* operator->() const noexcept {
    assert(record_ != nullptr && "equipoise: a lease without a backend: test it first, error() says why");
    return &record_->value;
  }
  /// The backend's id, also after the lease has ended; a false id if it never held one.
  backend_id id() const noexcept { return record_ != nullptr ? record_->id : std::bit_cast<backend_id>(count_or_id_); }

  // The lease would end before the reference is used.
  template <class Backend = B>
  Backend const& operator*() const&& noexcept {
    static_assert(!std::is_same_v<Backend, B>,
                  "equipoise: this lease ends with the statement, so keep it in a variable: auto lease = ...");
    return record_->value;
  }

  /// The `now` of the pick.
  time_point start() const noexcept { return record_ != nullptr ? start_ : time_point{}; }

  /// Why the pick found no backend; pick_error::none while one is held, and once the lease has ended or moved away.
  pick_error error() const noexcept {
    return record_ != nullptr ? pick_error::none : static_cast<pick_error>(start_.time_since_epoch().count());
  }

  /// Reports how the work went and ends the lease. The latency is now − start, or not reported if either is unknown.
  /// Does nothing if no backend is held.
  void finish(outcome how, time_point now = {}) noexcept {
    if (record_ == nullptr) return;
    if (auto* const reports = record_->states->reports(record_->id.slot)) {
      bool const timed = start_ != time_point{} && now != time_point{};
      reports->report(how, timed ? detail::elapsed(start_, now) : std::chrono::nanoseconds{0});
    }
    give();
  }

 private:
  using counter = detail::state_table::count;
  static constexpr time_point never_held{std::chrono::nanoseconds{static_cast<int>(pick_error::empty)}};

  static counter* in_place_of_count(backend_id id = {}) noexcept { return std::bit_cast<counter*>(id); }

  void give() noexcept {
    if (record_ == nullptr) return;
    detail::state_table const& states = *record_->states;
    backend_id const id = record_->id;
    detail::lease_protocol<>::give(*count_or_id_);  // the last access to the record, which may be gone now
    states.releases().note(id.slot);
    count_or_id_ = in_place_of_count(id);
    record_ = nullptr;
    start_ = {};
  }

  counter* count_or_id_ = in_place_of_count();  // the count while a backend is held, then the backend's id
  detail::record<B> const* record_ = nullptr;
  time_point start_ = never_held;  // while no backend is held: the error
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
