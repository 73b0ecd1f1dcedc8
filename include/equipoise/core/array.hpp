// SPDX-License-Identifier: MIT
// What the tables of policies are made of: arrays that are filled once and then read, sorting, and searching.
// std::vector, std::sort and std::upper_bound would do; but a program that includes all policies compiles them for 20
// types, which took half of its compile time and half of its object file.
#pragma once

#include <equipoise/core/config.hpp>

#include <cstdlib>
#include <type_traits>
#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// An array with room that is fixed when it is made. Its elements start as T{}. Move-only.
template <class T>
class array {
 public:
  EQUIPOISE_INLINE array() noexcept {}
  EQUIPOISE_INLINE explicit array(std::size_t size) : first_{size != 0 ? new T[size]{} : nullptr}, size_{size} {}
  // Empty, with room for so many.
  EQUIPOISE_INLINE static array with_room(std::size_t most) {
    array a(most);
    a.size_ = 0;
    return a;
  }
  EQUIPOISE_INLINE array(array&& other) noexcept
      : first_{std::exchange(other.first_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  EQUIPOISE_INLINE array& operator=(array&& other) noexcept {
    T* const old = first_;
    first_ = std::exchange(other.first_, nullptr);
    size_ = std::exchange(other.size_, 0);
    delete[] old;
    return *this;
  }
  EQUIPOISE_INLINE ~array() { delete[] first_; }

  EQUIPOISE_INLINE array copy() const {
    array a(size_);
    for (std::size_t i = 0; i != size_; ++i) a.first_[i] = first_[i];
    return a;
  }

  // There must be room.
  EQUIPOISE_INLINE void append(T value) noexcept { first_[size_++] = std::move(value); }
  EQUIPOISE_INLINE T take_last() noexcept { return std::move(first_[--size_]); }

  EQUIPOISE_INLINE T* data() noexcept { return first_; }
  EQUIPOISE_INLINE T const* data() const noexcept { return first_; }
  EQUIPOISE_INLINE std::size_t size() const noexcept { return size_; }
  EQUIPOISE_INLINE bool empty() const noexcept { return size_ == 0; }
  EQUIPOISE_INLINE T* begin() noexcept { return first_; }
  EQUIPOISE_INLINE T const* begin() const noexcept { return first_; }
  EQUIPOISE_INLINE T* end() noexcept { return first_ + size_; }
  EQUIPOISE_INLINE T const* end() const noexcept { return first_ + size_; }
  EQUIPOISE_INLINE T& operator[](std::size_t i) noexcept { return first_[i]; }
  EQUIPOISE_INLINE T const& operator[](std::size_t i) const noexcept { return first_[i]; }
  EQUIPOISE_INLINE T& back() noexcept { return first_[size_ - 1]; }
  EQUIPOISE_INLINE T const& back() const noexcept { return first_[size_ - 1]; }

 private:
  T* first_ = nullptr;
  std::size_t size_ = 0;
};

// Sorts by `before`, which has no state: one element before the other. O(n · log n).
template <class T, class Before>
EQUIPOISE_INLINE void sort(array<T>& a, Before) {
  static_assert(std::is_trivially_copyable_v<T> && std::is_empty_v<Before>);
  if (!a.empty())
    std::qsort(a.data(), a.size(), sizeof(T), [](void const* x, void const* y) -> int {
      T const& first = *static_cast<T const*>(x);
      T const& second = *static_cast<T const*>(y);
      return Before{}(first, second) ? -1 : Before{}(second, first) ? 1 : 0;
    });
}

// The first place of 0 … size − 1 for which `is_behind` holds, or size. It must hold for all places after one for which
// it holds. O(log size).
template <class IsBehind>
EQUIPOISE_INLINE std::size_t first_behind(std::size_t size, IsBehind is_behind) noexcept {
  std::size_t first = 0;
  while (size != 0) {
    std::size_t const half = size / 2;
    if (is_behind(first + half)) {
      size = half;
    } else {
      first += half + 1;
      size -= half + 1;
    }
  }
  return first;
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
