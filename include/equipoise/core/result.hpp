// SPDX-License-Identifier: MIT
// What the try_ functions of the control plane return, with exceptions and without: a value, or what was wrong.
#pragma once

#include <equipoise/core/error.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Success, or one sentence that says what was wrong.
template <class T = void>
class [[nodiscard]] result;

template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  /// A failure. The sentence must not be empty.
  static result failure(std::string mistake) { return result{std::move(mistake)}; }

  /// Whether the call succeeded.
  bool has_value() const noexcept { return mistake_.empty(); }
  explicit operator bool() const noexcept { return has_value(); }
  /// What was wrong; empty after a success.
  std::string const& error() const noexcept { return mistake_; }
  /// Fails with error() if the call did.
  void value() const {
    if (!has_value()) fail(mistake_);
  }

 protected:
  explicit result(std::string&& mistake) : mistake_{std::move(mistake)} {}

 private:
  std::string mistake_;
};

/// A value, or one sentence that says why there is none.
template <class T>
class [[nodiscard]] result : public result<void> {
 public:
  result(T value) : value_{std::move(value)} {}
  /// The failure of another call; it must be one.
  result(result<void> failure) : result<void>{std::move(failure)} {}
  static result failure(std::string mistake) { return result<void>::failure(std::move(mistake)); }

  /// The value; fails with error() if there is none.
  T const& value() const {
    result<void>::value();
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
