// SPDX-License-Identifier: MIT
// What the try_ functions of the control plane return, with exceptions and without: a value, or what was wrong.
#pragma once

#include <equipoise/core/error.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// What every result has.
class result_base {
 public:
  /// Whether the call succeeded.
  bool has_value() const noexcept { return mistake_.empty(); }
  explicit operator bool() const noexcept { return has_value(); }
  /// What was wrong; empty after a success.
  std::string const& error() const noexcept { return mistake_; }

 protected:
  result_base() = default;
  explicit result_base(std::string&& mistake) noexcept : mistake_{std::move(mistake)} {}
  void require_value() const {
    if (!has_value()) fail(mistake_);
  }

 private:
  std::string mistake_;
};

}  // namespace detail

/// A value, or one sentence that says why there is none. Without a type: success, or one sentence.
template <class T = void>
class [[nodiscard]] result;

/// @cond
template <>
class [[nodiscard]] result<void> : public detail::result_base {
 public:
  result() = default;
  /// A failure. The sentence must not be empty.
  static result failure(std::string mistake) { return result{std::move(mistake)}; }
  /// Fails with error() if the call did.
  void value() const { require_value(); }

 private:
  using detail::result_base::result_base;
};
/// @endcond

template <class T>
class [[nodiscard]] result : public detail::result_base {
 public:
  result(T value) : value_{std::move(value)} {}
  /// The failure of another call; it must be one.
  result(result<void> const& failure) : detail::result_base{std::string{failure.error()}} {}
  static result failure(std::string mistake) { return result<void>::failure(std::move(mistake)); }

  /// The value; fails with error() if there is none.
  T const& value() const {
    require_value();
    return value_;
  }
  /// The value. There must be one.
  T const& operator*() const noexcept { return value_; }
  T const* operator->() const noexcept { return &value_; }

 private:
  T value_{};
};

namespace detail {

// Calls f, which returns a result. A configuration mistake that it throws becomes a failure.
template <class F>
auto caught(F&& f) -> decltype(f()) {
#if EQUIPOISE_EXCEPTIONS
  try {
    return f();
  } catch (std::invalid_argument const& e) {
    return decltype(f())::failure(e.what());
  }
#else
  return f();
#endif
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
