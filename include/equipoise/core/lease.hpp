// What a pick gives: a choice (the bare decision), or a lease (the work counts until it ends).
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/registry.hpp>

#include <memory>
#include <utility>

namespace equipoise::inline EQUIPOISE_ABI {

namespace detail {
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

// Whom a `select` chose, or why nobody. Good until that picker's next call. `*` and `->` need somebody.
template <class B>
class choice {
 public:
  choice() = default;
  explicit choice(detail::record<B> const* r) noexcept : record_{r}, why_{cause::none} {}
  explicit choice(cause why) noexcept : why_{why} {}

  explicit operator bool() const noexcept { return record_ != nullptr; }
  B const& operator*() const noexcept { return record_->value; }
  B const* operator->() const noexcept { return &record_->value; }
  backend_id id() const noexcept { return record_ != nullptr ? record_->id : backend_id{}; }  // false for nobody

  // Why there is nobody; `none` if there is somebody.
  cause why() const noexcept { return why_; }

 private:
  detail::record<B> const* record_ = nullptr;
  cause why_ = cause::empty;
};

// One piece of work in flight on a backend. Move-only; ends once, in whatever order, on whatever thread; needs the pool
// only, so it may outlive the picker, the snapshot and the backend's membership (the object stays until it ends). `*` and
// `->` need somebody. 24 bytes.
template <class B>
class [[nodiscard]] lease {
 public:
  lease() = default;
  explicit lease(cause why) noexcept : start_{std::chrono::nanoseconds{static_cast<int>(why)}} {}
  lease(registry::count& count, detail::record<B> const* r, tick start) noexcept
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
  tick start() const noexcept { return record_ != nullptr ? start_ : tick{}; }

  // Why there is nobody; `none` while somebody is held.
  cause why() const noexcept {
    return record_ != nullptr ? cause::none : static_cast<cause>(start_.time_since_epoch().count());
  }

  // Reports how it went, then ends the lease. Latency is now − start; none if either is unknown. Wait-free.
  void finish(outcome how, tick now = {}) noexcept {
    if (record_ == nullptr) return;
    if (record_->line != nullptr) {
      bool const timed = start_ != tick{} && now != tick{};
      record_->line->report(how, timed ? elapsed(start_, now) : std::chrono::nanoseconds{0});
    }
    give();
  }

 private:
  static constexpr tick nobody{std::chrono::nanoseconds{static_cast<int>(cause::empty)}};

  void give() noexcept {
    if (record_ == nullptr) return;
    lease_protocol<>::give(*count_);  // the last touch: the record may be gone now
    record_ = nullptr;
    start_ = nobody;
  }

  registry::count* count_ = nullptr;
  detail::record<B> const* record_ = nullptr;
  tick start_ = nobody;  // or, while nobody is held, the cause
};

}  // namespace equipoise::inline EQUIPOISE_ABI
