// SPDX-License-Identifier: MIT
// Owning pointers of the library's own. std::unique_ptr and std::shared_ptr would do; but their header brings streams,
// algorithms and allocators into every program that includes a pool, at a third of the core's compile time.
#pragma once

#include <equipoise/core/config.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// The only owner of an object made with new. Move-only.
template <class T>
class owned {
 public:
  owned() = default;
  owned(std::nullptr_t) noexcept {}
  explicit owned(T* p) noexcept : p_{p} {}
  template <class U>
  owned(owned<U>&& other) noexcept : p_{other.release()} {}
  owned(owned&& other) noexcept : p_{other.release()} {}
  owned& operator=(owned&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~owned() { delete p_; }

  T* get() const noexcept { return p_; }
  T& operator*() const noexcept { return *p_; }
  T* operator->() const noexcept { return p_; }
  friend bool operator==(owned const& o, std::nullptr_t) noexcept { return o.p_ == nullptr; }
  T* release() noexcept { return std::exchange(p_, nullptr); }
  void reset(T* p = nullptr) noexcept { delete std::exchange(p_, p); }

 private:
  T* p_ = nullptr;
};

// The base class of objects that several `shared` own.
struct reference_counted {
  mutable std::atomic<std::size_t> owners{0};
  reference_counted() = default;
  reference_counted(reference_counted const&) = delete;
  reference_counted& operator=(reference_counted const&) = delete;
  virtual ~reference_counted() = default;
};

// One of several owners of an object made with new.
template <class T>
class shared {
 public:
  shared() = default;
  explicit shared(T* p) noexcept : p_{p} { retain(); }
  shared(shared const& other) noexcept : p_{other.p_} { retain(); }
  shared(shared&& other) noexcept : p_{std::exchange(other.p_, nullptr)} {}
  shared& operator=(shared other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~shared() {
    if (p_ != nullptr && p_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete p_;
  }

  T& operator*() const noexcept { return *p_; }
  T* operator->() const noexcept { return p_; }
  friend bool operator==(shared const& a, shared const& b) noexcept { return a.p_ == b.p_; }

 private:
  void retain() noexcept {
    if (p_ != nullptr) p_->owners.fetch_add(1, std::memory_order_relaxed);
  }

  T* p_ = nullptr;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
