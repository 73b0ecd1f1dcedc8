// SPDX-License-Identifier: MIT
// A contiguous range of objects that something else owns.
#pragma once

#include <equipoise/core/config.hpp>

#include <string_view>  // also std::ranges::enable_borrowed_range
#include <type_traits>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {
// A range whose elements are Ts, not of a class derived from T. The same test as that of std::span.
template <class Range, class T>
concept array_of = requires(Range& r) {
  static_cast<std::size_t>(r.size());
  requires std::is_convertible_v<std::remove_pointer_t<decltype(r.data())>(*)[], T(*)[]>;
};

// A text of the user's type; a null pointer is empty.
template <class Text>
constexpr std::string_view view_of(Text const& text) noexcept {
  if constexpr (std::is_pointer_v<Text>)
    if (text == nullptr) return {};
  return std::string_view{text};
}

}  // namespace detail

/// A contiguous range of objects that it does not own: a vector, an array and a std::span convert to it, and it
/// converts to a std::span. T may be const, as there. All functions are wait-free.
///
/// std::span would do; but the concepts that its constructors check cost a program that includes the library a tenth
/// of its compile time.
template <class T>
class array_view {
 public:
  constexpr array_view() = default;  ///< an empty one
  /// `size` objects from `first` on.
  constexpr array_view(T* first, std::size_t size) noexcept : first_{first}, size_{size} {}
  /// All of an array.
  template <std::size_t N>
  constexpr array_view(T (&array)[N]) noexcept : first_{array}, size_{N} {}
  /// All of a range that has data() and size().
  template <class Range>
    requires detail::array_of<Range, T>
  constexpr array_view(Range& r) noexcept : first_{r.data()}, size_{static_cast<std::size_t>(r.size())} {}
  /// The same of a temporary object, which must outlive the view.
  template <class Range>
    requires detail::array_of<Range const, T>
  constexpr array_view(Range const& r) noexcept : first_{r.data()}, size_{static_cast<std::size_t>(r.size())} {}

  /// As the functions of std::span.
  /// @{
  constexpr T* data() const noexcept { return first_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T* begin() const noexcept { return first_; }
  constexpr T* end() const noexcept { return first_ + size_; }
  constexpr T& operator[](std::size_t i) const noexcept { return first_[i]; }
  constexpr T& front() const noexcept { return first_[0]; }
  constexpr T& back() const noexcept { return first_[size_ - 1]; }
  /// @}

 private:
  T* first_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// Its iterators outlive it, so a temporary one converts to a std::span, and algorithms of std::ranges take it.
/// @cond
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<equipoise::array_view<T>> = true;
/// @endcond
