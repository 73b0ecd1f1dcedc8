// What a pick gives: a choice (the bare decision), or a lease (the work counts until it ends).
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/outcome.hpp>
#include <equipoise/core/pick_error.hpp>
#include <equipoise/core/record.hpp>
#include <equipoise/core/registry/state_table.hpp>

#include <memory>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// Whom a `select` chose, or why nobody. Good until that picker's next call. `*` and `->` need somebody.
template <class B>
class choice {
 public:
  choice() = default;
  explicit choice(detail::record<B> const* r) noexcept : record_{r}, error_{pick_error::none} {}
  explicit choice(pick_error error) noexcept : error_{error} {}

  explicit operator bool() const noexcept { return record_ != nullptr; }
  B const& operator*() const noexcept { return record_->value; }
  B const* operator->() const noexcept { return &record_->value; }
  backend_id id() const noexcept { return record_ != nullptr ? record_->id : backend_id{}; }  // false for nobody

  // Why there is nobody; `none` if there is somebody.
  pick_error error() const noexcept { return error_; }

 private:
  detail::record<B> const* record_ = nullptr;
  pick_error error_ = pick_error::empty;
};

// One piece of work in flight on a backend. Move-only; ends once, in whatever order, on whatever thread; needs the pool
// only, so it may outlive the picker, the snapshot and the backend's membership (the object stays until it ends). `*` and
// `->` need somebody. 24 bytes.
template <class B>
class [[nodiscard]] lease {
 public:
  lease() = default;
  explicit lease(pick_error error) noexcept : start_{std::chrono::nanoseconds{static_cast<int>(error)}} {}
  lease(detail::state_table::count& count, detail::record<B> const* r, time_point start) noexcept
      : count_{&count}, record_{r}, start_{start} {}
  lease(lease&& other) noexcept
      : count_{other.count_}, record_{std::exchange(other.record_, nullptr)}, start_{std::exchange(other.start_, nobody)} {}
  lease& operator=(lease&& other) noexcept {
    if (this != &other) {
      give();
      count_ = other.count_;
      record_ = std::exchange(other.record_, nullptr);
      start_ = std::exchange(other.start_, nobody);
    }
    return *this;
  }
  ~lease() { give(); }

  explicit operator bool() const noexcept { return record_ != nullptr; }
  B const& operator*() const noexcept { return record_->value; }
  B const* operator->() const noexcept { return &record_->value; }
  backend_id id() const noexcept { return record_ != nullptr ? record_->id : backend_id{}; }  // false for nobody

  // The `now` of the pick.
  time_point start() const noexcept { return record_ != nullptr ? start_ : time_point{}; }

  // Why there is nobody; `none` while somebody is held.
  pick_error error() const noexcept {
    return record_ != nullptr ? pick_error::none : static_cast<pick_error>(start_.time_since_epoch().count());
  }

  // Reports how it went, then ends the lease. Latency is now − start; none if either is unknown. Wait-free.
  void finish(outcome how, time_point now = {}) noexcept {
    if (record_ == nullptr) return;
    if (record_->line != nullptr) {
      bool const timed = start_ != time_point{} && now != time_point{};
      record_->line->report(how, timed ? detail::elapsed(start_, now) : std::chrono::nanoseconds{0});
    }
    give();
  }

 private:
  static constexpr time_point nobody{std::chrono::nanoseconds{static_cast<int>(pick_error::empty)}};

  void give() noexcept {
    if (record_ == nullptr) return;
    detail::lease_protocol<>::give(*count_);  // the last touch: the record may be gone now
    record_ = nullptr;
    start_ = nobody;
  }

  detail::state_table::count* count_ = nullptr;
  detail::record<B> const* record_ = nullptr;
  time_point start_ = nobody;  // or, while nobody is held, the cause
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
